"""What a connection may do wrong: one taxonomy, in which what is not known is known how to treat.

::

    ours     an invariant of our own code does not hold: the feed ends, with its traceback
    for good said by the exchange before the first subscription stands: an unknown market, a refusal
    lost     everything else, whatever a library raises on whatever was sent: the connection is
             given up, what is missed is a `Gap` with a reason, and it is tried again

Libraries do not promise which exceptions they raise on hostile input, so no list of those that are
expected is kept: what is not ours is lost.
"""

from typing import TYPE_CHECKING

from eventlog.printable import printable
from feeds.errors import FeedError

if TYPE_CHECKING:
    from websockets.exceptions import ConnectionClosed

REASON_CHARS_MAX = 200
"""The longest reason that is kept of a loss (I10)."""

_OURS = frozenset(("cli", "engine", "eventlog", "feeds"))


class Lost(Exception):
    """This connection is of no more use, for a reason that no library knows."""


def is_ours(error: BaseException) -> bool:
    """Return whether an error says that our own code is wrong, and not what was sent to it.

    An assertion of ours, or what an assertion of ours caused; a library's assertion is a loss.
    """
    if isinstance(error, BaseExceptionGroup):
        return any(is_ours(each) for each in error.exceptions)
    return isinstance(error, AssertionError) and _raised_in(error) in _OURS


def is_final(error: BaseException) -> bool:
    """Return whether an error must not be survived: ours, or refused for good, or no error."""
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
    return told(text if text and known else f"{type(error).__name__}: {text}".rstrip(": "))


def told(text: str, *, most: int = REASON_CHARS_MAX) -> str:
    """Return foreign text as it may stand in a record's reason: printable, one line, bounded.

    >>> told("a\\u202eb" + "c" * 300, most=12)
    'a\\\\u202ebccc…'
    """
    shown = printable(text, most)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _closing(error: "ConnectionClosed") -> str:
    if error.rcvd is not None:
        said = told(error.rcvd.reason, most=REASON_CHARS_MAX - 50)
        return f"closed by the exchange (code {error.rcvd.code}) {said}".rstrip()
    if error.sent is not None:
        said = told(error.sent.reason, most=REASON_CHARS_MAX - 50)
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
