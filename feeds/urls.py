"""Checks URLs that a person gave, before they are used."""

import re
from urllib.parse import SplitResult, urlsplit

URL_CHARS_MAX = 2_048
HOST_CHARS_MAX = 253
SOCKET_SCHEMES = ("ws", "wss")
HTTP_SCHEMES = ("http", "https")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
"""A label of a host name (RFC 1123), with underscores, which exist in practice."""


def checked(url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Return the parts of a URL of one of these schemes.

    Raises:
        ValueError: with a part of a sentence, if it is invalid: another scheme, no host or an
            invalid one, an invalid port, a user, a fragment, an invalid character.

    >>> checked("wss://socket.btcmarkets.net/v2", SOCKET_SCHEMES).hostname
    'socket.btcmarkets.net'
    """
    if len(url) > URL_CHARS_MAX:
        raise ValueError(f"it is longer than {URL_CHARS_MAX} characters")
    if not (url.isascii() and url.isprintable()) or set(url) & set(" \\"):
        raise ValueError("it has a character that no URL may have")
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        raise ValueError(f"its scheme is not {' or '.join(schemes)}")
    if not parts.hostname:
        raise ValueError("it has no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it has a user, which every log would show")
    if parts.fragment:
        raise ValueError("it has a fragment")
    if parts.port == 0:  # raises ValueError if it is not a 16-bit number
        raise ValueError("its port is 0")
    if not _is_host(parts.hostname):
        raise ValueError(f"its host is not a valid name: {parts.hostname[:100]!r}")
    return parts


def _is_host(host: str) -> bool:
    if ":" in host:
        return True  # an IPv6 address: `urlsplit` has checked its brackets
    labels = host.removesuffix(".").split(".")
    return len(host) <= HOST_CHARS_MAX and all(_LABEL.fullmatch(label) for label in labels)
