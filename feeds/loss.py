"""Classes of errors of a connection; an unknown error has a defined treatment, too.

::

    ours     an invariant of our own code does not hold: the feed ends, with its traceback
    for good refused by the exchange before the first subscription is confirmed: an unknown market
    lost     everything else, any error of a library on any input: the connection is ended, a `Gap`
             with a reason is recorded, and another connection is tried

Libraries do not specify which exceptions they raise on hostile input, so there is no list of
expected ones: every error that is not ours counts as lost.
"""

from typing import TYPE_CHECKING

from eventlog.printable import printable
from feeds.errors import FeedError

if TYPE_CHECKING:
    from websockets.exceptions import ConnectionClosed

REASON_CHARS_MAX = 200
"""Characters of the reason of a loss (I10)."""

_OURS = frozenset(("cli", "engine", "eventlog", "feeds"))


class Lost(Exception):
    """The connection is unusable, for a reason that we found and no library raised."""


def is_ours(error: BaseException) -> bool:
    """Return whether an error is a bug of our own code and not caused by the input.

    That is an assertion of ours, or an error caused by one; a library's assertion is a loss.
    """
    if isinstance(error, BaseExceptionGroup):
        return any(is_ours(each) for each in error.exceptions)
    return isinstance(error, AssertionError) and _raised_in(error) in _OURS


def is_final(error: BaseException) -> bool:
    """Return whether the feed must end: with a bug of ours, a permanent refusal, or on request."""
    return is_ours(error) or isinstance(error, FeedError) or not isinstance(error, Exception)


def reason_of(error: BaseException) -> str:
    """Return why a connection was lost: one printable line of bounded length.

    >>> reason_of(OSError("name or service\\x1b[31m\\nnot known"))
    'name or service\\\\x1b[31m\\\\nnot known'
    """
    from websockets.exceptions import ConnectionClosed, InvalidStatus  # slow, and not for --help

    if isinstance(error, ConnectionClosed):
        return _closing(error)
    if isinstance(error, InvalidStatus) and 300 <= error.response.status_code < 400:
        return f"a redirect was answered (HTTP {error.response.status_code}): none is followed"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - of a library's exception nothing is certain
        text = ""
    known = isinstance(error, OSError | Lost) or type(error).__module__.startswith("websockets")
    return reason_text(text if text and known else f"{type(error).__name__}: {text}".rstrip(": "))


def reason_text(text: str, *, most: int = REASON_CHARS_MAX) -> str:
    """Return foreign text for a record's reason: printable, one line, bounded.

    >>> reason_text("a\\u202eb" + "c" * 300, most=12)
    'a\\\\u202ebccc…'
    """
    shown = printable(text, most)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _closing(error: "ConnectionClosed") -> str:
    if error.rcvd is not None:
        said = reason_text(error.rcvd.reason, most=REASON_CHARS_MAX - 50)
        return f"closed by the exchange (code {error.rcvd.code}) {said}".rstrip()
    if error.sent is not None:
        said = reason_text(error.sent.reason, most=REASON_CHARS_MAX - 50)
        return f"closed by us (code {error.sent.code}) {said}".rstrip()
    return "the connection broke off without a closing frame"


def _raised_in(error: BaseException) -> str:
    """Return the package of the code that raised an error."""
    traceback = error.__traceback__
    if traceback is None:
        return ""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
