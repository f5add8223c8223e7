"""URLs that a person gave: whether they can be one at all, before anything is tried with them."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

URL_CHARS_MAX = 2_048
SOCKET_SCHEMES = ("ws", "wss")
HTTP_SCHEMES = ("http", "https")


def checked(url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Return the parts of a URL of one of these schemes.

    Raises:
        ValueError: with a part of a sentence, if it is none: another scheme, no host or one that is
            no name, a port that is none, a user, a fragment, a character that has no place there.

    >>> checked("wss://socket.btcmarkets.net/v2", SOCKET_SCHEMES).hostname
    'socket.btcmarkets.net'
    """
    if len(url) > URL_CHARS_MAX:
        raise ValueError(f"it is longer than {URL_CHARS_MAX} characters")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("it has a character that has no place in a URL")
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        raise ValueError(f"its scheme is not {' or '.join(schemes)}")
    if not parts.hostname:
        raise ValueError("it has no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it has a user, which would stand in every log")
    if parts.fragment:
        raise ValueError("it has a fragment")
    if parts.port == 0:  # raises by itself where it is no number of 16 bits
        raise ValueError("its port is 0")
    try:
        parts.hostname.encode("idna")
    except UnicodeError as error:
        raise ValueError(f"its host is no name: {parts.hostname[:100]!r}") from error
    return parts


def is_loopback(url: str) -> bool:
    """Return whether a URL is of this machine.

    >>> [is_loopback(f"ws://{host}/v2") for host in ("localhost", "127.0.0.9", "[::1]", "a.b")]
    [True, True, True, False]
    """
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
