"""One market row inside the compiled step, with named fields."""

from typing import NamedTuple

from engine.arithmetic import Tensor, tf
from engine.market import FIRST_LEVEL, LEVELS, Column
from engine.settings import Settings


class Row(NamedTuple):
    """The fields of `engine.market.Column`, int64[], flags bool[]; levels int64[LEVELS]."""

    offset: Tensor
    time_ns: Tensor
    kind: Tensor
    breaks: Tensor
    valid: Tensor
    book_valid: Tensor
    bid_e8: Tensor
    ask_e8: Tensor
    last_e8: Tensor
    traded_e8: Tensor
    delay_ns: Tensor
    taken_ns: Tensor
    halted: Tensor
    bid_prices_e8: Tensor
    bid_volumes_e8: Tensor
    ask_prices_e8: Tensor
    ask_volumes_e8: Tensor


def row_of(cells: Tensor) -> Row:
    """Return the fields of a row, int64[WIDTH]."""
    levels = tf.reshape(cells[FIRST_LEVEL:], (4, LEVELS))
    return Row(
        offset=cells[Column.OFFSET],
        time_ns=cells[Column.TIME_NS],
        kind=cells[Column.KIND],
        breaks=cells[Column.BREAK] != 0,
        valid=cells[Column.VALID] != 0,
        book_valid=cells[Column.BOOK_VALID] != 0,
        bid_e8=cells[Column.BID_E8],
        ask_e8=cells[Column.ASK_E8],
        last_e8=cells[Column.LAST_E8],
        traded_e8=cells[Column.TRADED_E8],
        delay_ns=cells[Column.DELAY_NS],
        taken_ns=cells[Column.TAKEN_NS],
        halted=cells[Column.HALTED] != 0,
        bid_prices_e8=levels[0],
        bid_volumes_e8=levels[1],
        ask_prices_e8=levels[2],
        ask_volumes_e8=levels[3],
    )


def is_late(row: Row, settings: Settings) -> Tensor:
    """Return whether a tick was taken up too late to be traded on, bool[]."""
    return row.delay_ns > settings.late_ns
