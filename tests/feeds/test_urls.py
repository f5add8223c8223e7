"""What can be no URL is refused before anything is tried with it."""

import pytest

from feeds.urls import HTTP_SCHEMES, SOCKET_SCHEMES, URL_CHARS_MAX, checked


@pytest.mark.parametrize(
    "url",
    [
        "", "socket.btcmarkets.net", "http://a.b/", "ws://", "ws:///v2", "ws://a..b/", "ws://[::1/",
        "ws://" + "a" * 64 + ".b/", "ws://a.b:0/", "ws://a.b:70000/", "ws://a.b:x/", "ws://u:p@a.b/",
        "ws://a.b/#c", "ws://a.b/ c", "ws://a.b/\n", "ws://a.b/\x1b[31m", "ws://ä.b/",
        "ws://a.b/" + "c" * URL_CHARS_MAX, "file:///etc/passwd", "ws://a.b/\u202e",
    ],
)  # fmt: skip
def test_what_is_no_url(url: str) -> None:
    """A reason is given that can be printed."""
    with pytest.raises(ValueError) as caught:
        checked(url, SOCKET_SCHEMES)

    assert 0 < len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


def test_what_is_one() -> None:
    """As it is, with its parts."""
    assert checked("wss://socket.btcmarkets.net/v2", SOCKET_SCHEMES).path == "/v2"
    assert checked("http://127.0.0.1:8765/v3?a=b", HTTP_SCHEMES).port == 8_765
