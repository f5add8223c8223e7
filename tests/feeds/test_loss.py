"""What is ours, what is for good, and what is lost."""

import asyncio
from collections.abc import Callable

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from feeds import loss
from feeds.deduplicator import TradeDeduplicator
from feeds.errors import SubscriptionRejected
from feeds.loss import REASON_CHARS_MAX, Lost, is_final, is_ours, reason_of


def raised(call: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        call()
    return caught.value


def _of_a_library() -> None:
    exec(compile("assert False", "library.py", "exec"), {"__name__": "websockets.protocol"})


def test_an_assertion_of_ours_ends_the_feed_and_one_of_a_library_does_not() -> None:
    """Whose code raised it decides, not its class."""
    ours, theirs = raised(lambda: TradeDeduplicator([1]).begin([])), raised(_of_a_library)

    assert (is_ours(ours), is_ours(theirs)) == (True, False)
    assert is_ours(BaseExceptionGroup("both", [ValueError(), ours]))
    assert (is_final(ours), is_final(theirs)) == (True, False)


def test_what_is_final() -> None:
    """What the exchange refuses for good, and what is no error."""
    assert is_final(SubscriptionRejected(url="u", code=3, message="m"))
    assert is_final(asyncio.CancelledError())
    for error in (
        OSError(),
        Lost("x"),
        RecursionError(),
        MemoryError(),
        UnicodeError(),
        KeyError(),
    ):
        assert not is_final(error)


class _Rude(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionClosedError(Close(1001, "bye\x1b[2J\n"), None), r"1001) bye\x1b[2J\n"),
        (ConnectionClosedError(None, Close(1009, "too big")), "closed by us (code 1009) too big"),
        (ConnectionClosedError(None, None), "broke off"),
        (InvalidStatus(Response(302, "Found", Headers(Location="ws://a..b/"))), "none is followed"),
        (OSError("\u202e" + "x" * 10_000), r"\u202exxx"),
        (_Rude(), "_Rude"),
        (OSError(), "OSError"),
        (KeyError("\ud800"), "KeyError: "),
    ],
)
def test_reasons_are_one_printable_line_of_bounded_length(
    error: BaseException, reason: str
) -> None:
    """Also where the error has no text, or one that nobody should print."""
    told = reason_of(error)

    assert reason in told
    assert told.isprintable()
    assert len(told) <= REASON_CHARS_MAX
    assert told.encode()


def test_the_bound_is_kept_where_every_character_is_escaped() -> None:
    """An escape is longer than what it stands for."""
    assert len(loss.reason_text("\U000e0001" * 1_000)) == REASON_CHARS_MAX
