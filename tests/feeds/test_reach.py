"""Can the exchange be reached?"""

import pytest
from websockets.sync.server import ServerConnection

from feeds.errors import ExchangeUnreachable, UrlInvalid
from feeds.reach import reach
from tests.support.hostile import DOORS, Peer, hostile
from tests.support.loopback import Script


def test_a_server_that_is_there(serve_script: Script) -> None:
    """The handshake is timed, and its date compared with our clock."""

    def talk(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    reached = reach(serve_script(talk), timeout_s=10.0)

    assert reached.seconds > 0
    assert reached.skew_s is not None
    assert abs(reached.skew_s) < 60


def test_nobody_there() -> None:
    """The reason is in the error."""
    with pytest.raises(ExchangeUnreachable, match="127"):
        reach("ws://127.0.0.1:9", timeout_s=0.5)


def test_no_websocket() -> None:
    """An address that is none is said to be none."""
    with pytest.raises(UrlInvalid):
        reach("http://127.0.0.1:9", timeout_s=0.5)


@pytest.mark.parametrize("name", DOORS)
def test_a_hostile_handshake(name: str) -> None:
    """There is an answer within the time, and it is that there was no handshake."""
    with hostile(DOORS[name]) as url, pytest.raises(ExchangeUnreachable) as caught:
        reach(url, timeout_s=0.5)

    assert caught.value.why.isprintable()


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359"]
)
def test_a_date_that_is_none(date: str) -> None:
    """Nothing is known of the clock then, or whatever it says."""

    def talk(peer: Peer) -> None:
        peer.accept(headers=f"Date: {date}\r\n".encode())
        peer.wait()

    with hostile(talk) as url:
        assert reach(url, timeout_s=10.0).seconds > 0
