"""Can the exchange be reached?"""

import pytest
from websockets.sync.server import ServerConnection

from feeds.errors import ExchangeUnreachable, UrlInvalid
from feeds.reach import reach
from tests.feeds.conftest import Script


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
