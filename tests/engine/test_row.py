"""A row by name: each field comes from the column that the market wrote."""

import numpy as np

from engine.arithmetic import tf
from engine.market import FIRST_LEVEL, LEVELS, WIDTH, Column
from engine.parameters import Parameters
from engine.row import is_late, row_of
from engine.settings import settings_of
from engine.venue_rules import DEFAULT_RULES

FLAGS = {
    Column.BREAK: "breaks",
    Column.VALID: "valid",
    Column.BOOK_VALID: "book_valid",
    Column.HALTED: "halted",
}


def test_every_field_is_its_column() -> None:
    """All different numbers come back under their names."""
    cells = np.arange(100, 100 + WIDTH, dtype=np.int64)

    row = row_of(tf.constant(cells))

    for column in Column:
        if column not in FLAGS:
            assert int(getattr(row, column.name.lower())) == 100 + column
    levels = [row.bid_prices_e8, row.bid_volumes_e8, row.ask_prices_e8, row.ask_volumes_e8]
    assert np.concatenate(levels).tolist() == cells[FIRST_LEVEL:].tolist()
    assert all(level.shape == (LEVELS,) for level in levels)
    assert len(row) == len(Column) + 4


def test_flags_are_booleans() -> None:
    """Anything but 0 is true."""
    for column, name in FLAGS.items():
        for value in (0, 1):
            cells = np.zeros(WIDTH, np.int64)
            cells[column] = value

            flag = getattr(row_of(tf.constant(cells)), name)

            assert flag.dtype == tf.bool
            assert bool(flag) == bool(value)
            others = [other for other in FLAGS.values() if other != name]
            assert not any(bool(getattr(row_of(tf.constant(cells)), other)) for other in others)


def test_a_tick_is_late_from_one_nanosecond_beyond_the_limit() -> None:
    """The limit itself is in time."""
    parameters = Parameters()
    settings = settings_of(parameters, DEFAULT_RULES)
    limit_ns = int(settings.late_ns)

    for delay_ns, late in ((0, False), (limit_ns, False), (limit_ns + 1, True)):
        cells = np.zeros(WIDTH, np.int64)
        cells[Column.DELAY_NS] = delay_ns
        assert bool(is_late(row_of(tf.constant(cells)), settings)) is late
