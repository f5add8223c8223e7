"""TLS: who the exchange is, is checked, and a failure of that says what it is."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.sync.server import ServerConnection

from feeds.btcmarkets.connection import Feed
from feeds.errors import ExchangeUnreachable
from feeds.options import FeedOptions
from tests.support.loopback import scripted

HASTE: dict[str, Any] = {
    "backoff_first_s": 0.001,
    "backoff_most_s": 0.01,
    "handshake_window_s": 0.0,
}
TRADE = {
    "messageType": "trade", "marketId": "A-B", "timestamp": "2026-01-01T00:00:00.000Z",
    "tradeId": 1, "price": "2", "volume": "1", "side": "Bid",
}  # fmt: skip


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the authority trusted, as one of the operating system's is."""
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


def presenting(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return the server's side, with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def talk(connection: ServerConnection) -> None:
    """Answer a subscription with a trade."""
    connection.recv()
    connection.send(json.dumps(TRADE))
    connection.recv()


@pytest.mark.usefixtures("trusted")
def test_a_certificate_that_is_trusted(authority: trustme.CA) -> None:
    """What follows is as without TLS."""
    with (
        scripted(talk, ssl=presenting(authority, "127.0.0.1")) as url,
        Feed(url, ["A-B"], options=FeedOptions(**HASTE)) as feed,
    ):
        (trade,) = feed.take(20.0)

    assert getattr(trade, "trade_id", None) == 1


def why_not(url: str) -> str:
    """Return why the exchange was not reached."""
    with (
        pytest.raises(ExchangeUnreachable) as caught,
        Feed(url, ["A-B"], options=FeedOptions(connect_timeout_s=0.5, **HASTE)),
    ):
        pass
    return caught.value.why


def test_a_certificate_that_nobody_vouches_for(authority: trustme.CA) -> None:
    """It is said so; nothing is subscribed to, and nothing taken."""
    with scripted(talk, ssl=presenting(authority, "127.0.0.1")) as url:
        assert "certificate verify failed" in why_not(url)


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host(authority: trustme.CA) -> None:
    """Trusted, but not for this name."""
    with scripted(talk, ssl=presenting(authority, "elsewhere.example")) as url:
        assert "mismatch" in why_not(url)
