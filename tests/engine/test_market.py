"""The market fold: the exchange's synchronisation rule, time, and that nothing makes it raise."""

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import market as markets
from engine.checksum import signed
from engine.market import (
    BEHIND_NS,
    BEHIND_TICKS,
    FIRST_LEVEL,
    JUMP_NS,
    LEVELS,
    READS,
    SIDE_LEVELS_MAX,
    WIDTH,
    BookSide,
    Column,
    Market,
    Rows,
    is_tick,
)
from engine.venue_rules import DEFAULT_RULES
from eventlog.records import (
    BookUpdate,
    Level,
    Record,
    SessionEnded,
    SessionStarted,
    Side,
    market_status,
)
from eventlog.records import Undecodable as Unknown
from eventlog.schema import SCHEMA, decode, encode
from tests.support import plain_market
from tests.support.markets import (
    CENT_E8,
    MS,
    START_NS,
    book,
    checksum_of,
    cut,
    gap,
    journal,
    quote,
    stream,
    trade,
)
from tests.support.plain_market import PlainMarket
from tests.support.strategies import records as any_record

E8 = 10**8
BIDS = {100 * E8: 5 * E8, 99 * E8: 2 * E8}
ASKS = {102 * E8: 3 * E8, 103 * E8: 4 * E8}
BREAKS = (
    gap(),
    SessionStarted(received_ns=START_NS, session=2, detail="{}"),
    SessionEnded(received_ns=START_NS, session=1, why="test", detail="{}"),
)


def fold(market: Market, *records: Record) -> Rows:
    """Fold records in; return their rows."""
    return market.fold(encode(records, first_offset=0))


def last(market: Market, *records: Record) -> dict[str, int]:
    """Fold records in; return the last row's named columns."""
    cells = fold(market, *records)[-1]
    return {column.name.lower(): int(cells[column]) for column in Column}


def snapshot(at_ms: int = 0, *, snapshot_id: int = 10, checksum: int | None = None) -> BookUpdate:
    """Return the usual book as a snapshot."""
    return book(
        BIDS.items(),
        ASKS.items(),
        at_ms=at_ms,
        snapshot=True,
        snapshot_id=snapshot_id,
        checksum=checksum,
    )


def synchronised() -> Market:
    """Return a market with the usual book."""
    market = Market.initial()
    fold(market, snapshot())
    return market


def prices(market: Market) -> tuple[list[int], list[int]]:
    """Return the prices of both sides, lowest first."""
    return market.bids.prices, market.asks.prices


def assert_same(left: Market, right: Market) -> None:
    """Two markets hold the same arrays, and go on from the same places."""
    for name, array in left.state().items():
        np.testing.assert_array_equal(array, right.state()[name], err_msg=name)
    for mine, other in ((left.bids, right.bids), (left.asks, right.asks)):
        assert mine.held == other.held
        assert mine.slots == other.slots
        assert mine.prices == other.prices
        assert free(mine) == free(other)


def free(side: BookSide) -> list[int]:
    """Return the slots that are free, lowest first."""
    return sorted([*side.holes, *range(side.used, SIDE_LEVELS_MAX)])


class TestRows:
    """What one tick becomes."""

    def test_a_quote(self) -> None:
        """Before any book the quote's prices are the market."""
        row = last(Market.initial(), quote(99 * E8, 101 * E8, at_ms=5, last_e8=100 * E8))

        assert row == {
            "offset": 0,
            "time_ns": START_NS + 5 * MS,
            "kind": 0,
            "break": 1,
            "valid": 1,
            "book_valid": 0,
            "bid_e8": 99 * E8,
            "ask_e8": 101 * E8,
            "last_e8": 100 * E8,
            "traded_e8": 0,
            "delay_ns": 0,
            "taken_ns": 0,
            "halted": 0,
        }

    @pytest.mark.parametrize(
        ("received_ns", "taken_ns", "delay_ns"),
        [
            (5, None, 0),
            (5, 5, 0),
            (5, 12, 7),
            (12, 5, 0),  # the clock was set back in between
            (-(2**63), 2**61, 2**61),
            (0, -1, 0),
            (0, 2**63 - 1, 0),
        ],
    )
    def test_a_delay_is_from_received_to_taken_up(
        self, received_ns: int, taken_ns: int | None, delay_ns: int
    ) -> None:
        """Never below 0, and 0 where nobody says; whatever a log holds, it fits."""
        tick = replace(quote(99, 101, at_ms=0), received_ns=received_ns, taken_ns=taken_ns)

        row = last(Market.initial(), tick)

        assert row["delay_ns"] == delay_ns
        assert row["taken_ns"] in (0, taken_ns)

    @pytest.mark.parametrize(
        ("statuses", "halted"),
        [
            ((), 0),
            (("Online",), 0),
            (("Post Only",), 1),
            (("Offline", "Online"), 0),
            (("Online", "online"), 1),
            (("",), 1),
        ],
    )
    def test_a_status_holds_until_the_next(self, statuses: tuple[str, ...], halted: int) -> None:
        """Whatever is not Online trades nothing; a break or another session changes none of it."""
        market = Market.initial()
        fold(market, *(market_status(each, received_ns=1) for each in statuses))
        kept = Market.of(market.state())

        for each in (market, kept):
            assert last(each, quote(99, 101, at_ms=0))["halted"] == halted
            assert last(each, *BREAKS, quote(99, 101, at_ms=0))["halted"] == halted

    def test_a_state_of_before_there_was_a_status_is_one_in_which_nothing_was_said(self) -> None:
        """No array has another shape, and none another bit."""
        market = synchronised()
        scalars = market.state()["market.scalars"]

        assert scalars.shape == (8,)
        assert scalars[5:7].tolist() == [1, 1]
        fold(market, market_status("Offline", received_ns=1))
        assert market.state()["market.scalars"][5:7].tolist() == [3, 1]

    @pytest.mark.parametrize(("side", "traded_e8"), [(Side.BUY, 7), (Side.SELL, -7), (None, 0)])
    def test_a_trade_is_signed_by_its_taker(self, side: Side | None, traded_e8: int) -> None:
        """A trade whose side is not known has no direction."""
        row = last(Market.initial(), trade(100 * E8, 7, at_ms=0, side=side))

        assert (row["kind"], row["last_e8"], row["traded_e8"]) == (1, 100 * E8, traded_e8)

    def test_a_backfilled_trade_is_no_news(self) -> None:
        """It did not arrive in time: no row, and the rows around it are as they were without it."""
        before, after = quote(99, 101, at_ms=0, last_e8=100), quote(98, 101, at_ms=2, last_e8=100)
        late = trade(500, 7, at_ms=-(10**9), backfilled=True)

        with_it = fold(Market.initial(), before, late, after)
        without = fold(Market.initial(), before, after)

        np.testing.assert_array_equal(with_it[:, 1:], without[:, 1:])

    def test_what_is_a_tick_has_a_row(self) -> None:
        """The mask says of every record whether it has one."""
        whole = journal(2_000)

        mask = is_tick(whole)

        rows = Market.initial().fold(whole)
        assert whole.column("offset").filter(mask).to_pylist() == rows[:, Column.OFFSET].tolist()
        assert pc.sum(whole.column("backfilled")).as_py()

    def test_a_book_shows_its_best_levels_best_first(self) -> None:
        """Five a side: bids from the highest, asks from the lowest, zeros where there is none."""
        bids = {price * E8: price * E8 for price in range(90, 100)}
        cells = fold(Market.initial(), book(bids.items(), ASKS.items(), at_ms=0, snapshot=True))[0]

        levels = cells[FIRST_LEVEL:].reshape(4, LEVELS) // E8
        assert levels.tolist() == [
            [99, 98, 97, 96, 95],
            [99, 98, 97, 96, 95],
            [102, 103, 0, 0, 0],
            [3, 4, 0, 0, 0],
        ]
        assert (cells[Column.BID_E8], cells[Column.ASK_E8]) == (99 * E8, 102 * E8)

    def test_only_ticks_have_rows(self) -> None:
        """Sessions, gaps and what could not be decoded have none; nor have effects."""
        unknown = Unknown(received_ns=START_NS, raw=b"?", why="test")

        assert fold(Market.initial(), *BREAKS, unknown).shape == (0, WIDTH)
        assert Market.initial().fold(journal(10).slice(0, 0)).shape == (0, WIDTH)

    def test_a_projection_is_enough(self) -> None:
        """The fold reads the columns that it says, and no others."""
        whole = journal(400)

        np.testing.assert_array_equal(
            Market.initial().fold(whole.select(list(READS))), Market.initial().fold(whole)
        )
        assert set(READS) <= set(SCHEMA.names)

    @pytest.mark.parametrize("size", [1, 7, 64])
    def test_slices_fold_like_the_whole(self, size: int) -> None:
        """Where the records are cut has no influence (I7)."""
        whole, market = Market.initial(), Market.initial()
        rows = whole.fold(journal(600))

        pieces = [market.fold(part) for part in cut(journal(600), size)]

        np.testing.assert_array_equal(np.concatenate(pieces), rows)
        assert_same(market, whole)


class TestSynchronisation:
    """The rule of the exchange's order book channel."""

    def test_a_delta_before_any_snapshot_is_ignored(self) -> None:
        """There is no book that it could change."""
        market = Market.initial()

        row = last(market, book([(100 * E8, E8)], [], at_ms=0, snapshot_id=1))

        assert (row["book_valid"], row["valid"]) == (0, 0)
        assert prices(market) == ([], [])

    def test_a_delta_from_before_the_snapshot_is_ignored(self) -> None:
        """It is not applied and its checksum is not looked at."""
        market = synchronised()

        row = last(market, book([(101 * E8, E8)], [], at_ms=1, checksum=1, snapshot_id=9))

        assert (row["book_valid"], row["bid_e8"]) == (1, 100 * E8)

    @pytest.mark.parametrize("snapshot_id", [10, 11])
    def test_a_delta_from_the_snapshot_on_is_applied(self, snapshot_id: int) -> None:
        """Also one that carries the snapshot's own number."""
        market = synchronised()
        checksum = checksum_of(BIDS | {101 * E8: E8}, ASKS)

        row = last(
            market,
            book([(101 * E8, E8)], [], at_ms=1, checksum=checksum, snapshot_id=snapshot_id),
        )

        assert (row["book_valid"], row["bid_e8"]) == (1, 101 * E8)

    def test_a_snapshot_replaces_the_book(self) -> None:
        """Nothing of the old one is left."""
        market = synchronised()

        fold(market, book([(50 * E8, E8)], [(51 * E8, E8)], at_ms=1, snapshot=True))

        assert prices(market) == ([50 * E8], [51 * E8])

    def test_a_volume_of_nothing_deletes(self) -> None:
        """Deleting the best level shows the next one; deleting what is not there does nothing."""
        market = synchronised()

        row = last(
            market,
            book([(100 * E8, 0), (98 * E8, 0)], [(107 * E8, 0)], at_ms=1, snapshot_id=11),
        )

        assert (row["book_valid"], row["bid_e8"], row["ask_e8"]) == (1, 99 * E8, 102 * E8)
        assert prices(market) == ([99 * E8], sorted(ASKS))

    def test_a_wrong_checksum_makes_the_book_invalid_until_the_next_snapshot(self) -> None:
        """Deltas in between are ignored, right or wrong; quotes do not make the market valid."""
        market = synchronised()
        right = checksum_of(BIDS, ASKS)

        wrong = last(market, book([], [], at_ms=1, checksum=right ^ 1, snapshot_id=11))
        later = last(market, book([], [], at_ms=2, checksum=right, snapshot_id=12))
        quoted = last(market, quote(100 * E8, 101 * E8, at_ms=3))
        again = last(market, snapshot(4, checksum=right))

        assert [row["book_valid"] for row in (wrong, later, quoted, again)] == [0, 0, 0, 1]
        assert [row["valid"] for row in (wrong, later, quoted, again)] == [0, 0, 0, 1]

    def test_an_invalid_book_shows_no_levels(self) -> None:
        """What may be wrong is not shown."""
        cells = fold(synchronised(), book([], [], at_ms=1, checksum=1, snapshot_id=11))[0]

        assert not cells[FIRST_LEVEL:].any()

    def test_a_snapshot_with_a_wrong_checksum_is_no_book(self) -> None:
        """It is judged like a delta."""
        assert last(Market.initial(), snapshot(checksum=1))["book_valid"] == 0

    def test_more_levels_than_there_is_room_for_make_the_book_invalid(self) -> None:
        """I10: the book has a stated maximum, and reaching it is seen."""
        full = [(price * CENT_E8, E8) for price in range(1, SIDE_LEVELS_MAX + 1)]
        market = Market.initial()

        fits = last(market, book(full, ASKS.items(), at_ms=0, snapshot=True))
        beyond = last(market, book([(99 * E8 + 1, E8)], [], at_ms=1))

        assert (fits["book_valid"], beyond["book_valid"]) == (1, 0)

    @pytest.mark.parametrize(
        "level",
        [
            Level(0, E8, 2, 2, 1),  # a price of 0 marks a free slot
            Level(-E8, E8, 2, 2, 1),
            Level(E8, -1, 2, 2, 1),
            Level(E8, E8, 9, 2, 1),
            Level(E8, E8, 2, -1, 1),
        ],
    )
    def test_a_level_that_no_book_has_makes_it_invalid(self, level: Level) -> None:
        """The log can hold it; the book cannot, and the arrays still say what the book is."""
        market = synchronised()
        update = replace(book([], [], at_ms=1, checksum=1, snapshot_id=11), bids=(level,))

        row = last(market, update)

        assert row["book_valid"] == 0
        assert_same(Market.of(market.state()), market)

    def test_a_gap_makes_the_book_invalid(self) -> None:
        """Deltas may have been missed."""
        assert last(synchronised(), gap(), quote(1, 2, at_ms=1))["valid"] == 0

    @pytest.mark.parametrize(("bid", "ask"), [(101, 100), (100, 100), (0, 100), (-5, 100)])
    def test_a_crossed_or_empty_market_is_not_valid(self, bid: int, ask: int) -> None:
        """A valid market has a bid above nothing and below the ask."""
        row = last(Market.initial(), quote(bid * E8, ask * E8, at_ms=0))

        assert row["valid"] == 0

    def test_only_a_book_that_is_not_known_needs_a_snapshot(self) -> None:
        """One that is one-sided, crossed or empty is what the exchange says: nothing is to mend."""
        one_sided = BookUpdate(
            exchange_ns=START_NS, received_ns=START_NS, bids=(), asks=snapshot().asks,
            snapshot=True, checksum=None, snapshot_id=10,
        )  # fmt: skip
        crossed = book([(104 * E8, E8)], [], at_ms=1, snapshot_id=11)
        needed = [Market.initial().needs_snapshot]
        market = Market.initial()
        for record in (
            one_sided,
            crossed,
            book([], [], at_ms=2, checksum=1, snapshot_id=12),
            snapshot(3, snapshot_id=13),
            gap(),
        ):
            fold(market, record)
            needed.append(market.needs_snapshot)

        assert needed == [False, False, False, True, False, True]
        assert last(Market.initial(), one_sided)["valid"] == 0
        assert last(Market.initial(), one_sided, crossed)["valid"] == 0

    def test_a_side_that_has_lost_its_last_level_has_no_best_price(self) -> None:
        """The book does not show the old bid any more, so nothing can be sold at it."""
        market = Market.initial()
        both = book([(100 * E8, E8)], [(101 * E8, E8)], at_ms=0, snapshot=True, snapshot_id=1)
        emptied = book([(100 * E8, 0)], [], at_ms=1, snapshot_id=2)

        assert last(market, both)["valid"] == 1
        assert last(market, emptied)["valid"] == 0


class TestTime:
    """Event time, which is all the time that the engine knows."""

    def test_it_never_runs_backwards(self) -> None:
        """What is told late happens now."""
        market = Market.initial()

        rows = fold(market, quote(1, 2, at_ms=100), trade(1, 1, at_ms=50), quote(1, 2, at_ms=70))

        assert rows[:, Column.TIME_NS].tolist() == [START_NS + 100 * MS] * 3
        assert rows[:, Column.BREAK].tolist() == [1, 0, 0]

    def test_a_missing_stamp_happens_now(self) -> None:
        """The receive time is not the exchange's, and is not used."""
        market = Market.initial()

        rows = fold(market, quote(1, 2, at_ms=100), quote(1, 2, at_ms=None))

        assert rows[:, Column.TIME_NS].tolist() == [START_NS + 100 * MS] * 2

    @pytest.mark.parametrize("sign", [-1, 1])
    @pytest.mark.parametrize(("beyond_ns", "is_break"), [(0, 0), (1, 1)])
    def test_a_jump_of_more_than_an_hour_is_a_break(
        self, sign: int, beyond_ns: int, is_break: int
    ) -> None:
        """It starts a new time; up to an hour the clock is believed."""
        market = Market.initial()
        fold(market, quote(1, 2, at_ms=0))
        at_ns = START_NS + sign * (JUMP_NS + beyond_ns)

        row = last(market, replace(quote(1, 2, at_ms=0), exchange_ns=at_ns))

        assert row["break"] == is_break
        assert row["time_ns"] == (at_ns if is_break or sign > 0 else START_NS)

    def test_a_stamp_that_was_ahead_does_not_hold_it_up(self) -> None:
        """Enough ticks that lie far before event time, in succession, start a new time."""
        market = Market.initial()
        fold(market, quote(1, 2, at_ms=0), quote(1, 2, at_ms=JUMP_NS // MS))

        rows = [last(market, quote(1, 2, at_ms=at_ms)) for at_ms in range(1, BEHIND_TICKS + 2)]

        times_ns = [JUMP_NS] * (BEHIND_TICKS - 1) + [BEHIND_TICKS * MS, (BEHIND_TICKS + 1) * MS]
        assert [row["time_ns"] - START_NS for row in rows] == times_ns
        assert [row["break"] for row in rows] == [0] * (BEHIND_TICKS - 1) + [1, 0]

    @pytest.mark.parametrize("late_ns", [0, BEHIND_NS])
    def test_what_is_merely_late_starts_no_new_time(self, late_ns: int) -> None:
        """Nor does what is later than that, if one tick in between is in time."""
        market = Market.initial()
        fold(market, quote(1, 2, at_ms=BEHIND_NS // MS))
        late = quote(1, 2, at_ms=(BEHIND_NS - late_ns) // MS)
        too_late = quote(1, 2, at_ms=-1)

        rows = fold(market, *[late] * 50, *([too_late] * (BEHIND_TICKS - 1) + [late]) * 3)

        assert set(rows[:, Column.TIME_NS].tolist()) == {START_NS + BEHIND_NS}
        assert not rows[:, Column.BREAK].any()

    @pytest.mark.parametrize("count", [1, BEHIND_TICKS - 1])
    def test_a_kept_state_knows_how_many_lay_behind(self, count: int) -> None:
        """It goes on where it was, with a break or without one."""
        market = Market.initial()
        fold(market, quote(1, 2, at_ms=0), quote(1, 2, at_ms=JUMP_NS // MS))
        fold(market, *[quote(1, 2, at_ms=1)] * count)
        twin = Market.of(market.state())

        assert_same(twin, market)
        for _ in range(BEHIND_TICKS):
            assert last(twin, quote(1, 2, at_ms=2)) == last(market, quote(1, 2, at_ms=2))

    @pytest.mark.parametrize("record", BREAKS, ids=lambda record: type(record).__name__)
    def test_only_the_next_tick_is_a_break(self, record: Record) -> None:
        """A gap or a session's edge marks one row, also across chunks, and time may start anew."""
        market = Market.initial()
        fold(market, quote(1, 2, at_ms=100))

        fold(market, record)
        rows = fold(market, quote(1, 2, at_ms=50), quote(1, 2, at_ms=60))

        assert rows[:, Column.BREAK].tolist() == [1, 0]
        assert rows[0, Column.TIME_NS] == START_NS + 50 * MS

    def test_what_could_not_be_decoded_is_no_break(self) -> None:
        """One frame that said nothing is not a hole in the market."""
        market = Market.initial()
        unknown = Unknown(received_ns=START_NS, raw=b"?", why="test")

        rows = fold(market, quote(1, 2, at_ms=0), unknown, quote(1, 2, at_ms=1))

        assert rows[:, Column.BREAK].tolist() == [1, 0]


_prices = st.integers(1, 12)
_changes = st.lists(
    st.tuples(_prices, st.integers(0, 3), st.integers(0, 8), st.integers(0, 8)), max_size=60
)


@given(_changes, st.booleans())
def test_a_side_is_what_its_arrays_say(
    changes: list[tuple[int, int, int, int]], highest: bool
) -> None:
    """At any moment the arrays rebuild the same side, which goes on exactly alike."""
    side, twin = BookSide.empty(highest=highest), BookSide.empty(highest=highest)
    for price, volume, price_decimals, volume_decimals in changes:
        change = (price, price_decimals, volume, volume_decimals)
        assert side.change([change])
        twin = BookSide.of(twin.arrays(), highest=highest)
        assert twin.change([change])

        assert twin.held == side.held
        assert twin.slots == side.slots
        assert free(twin) == free(side)
        for name, array in side.arrays().items():
            np.testing.assert_array_equal(array, twin.arrays()[name])
        texts = map(signed, side.best(10))
        assert side.signed(DEFAULT_RULES.book_checksum) == "".join(texts)

    expected = {change[0]: change for change in changes}
    held = {price: change for price, change in expected.items() if change[1]}
    assert side.prices == sorted(held)
    levels = [(p, p_decimals, v, v_decimals) for p, v, p_decimals, v_decimals in held.values()]
    best = sorted(levels, reverse=highest)
    assert side.best(3) == best[:3]
    assert side.best_price == (best[0][0] if best else 0)
    shown = [level[0] for level in best[:LEVELS]]
    assert side.cells()[:LEVELS] == shown + [0] * (LEVELS - len(shown))


def test_a_change_touches_one_slot() -> None:
    """A new price takes the lowest free slot, so a checkpoint's delta stays short."""
    side = BookSide.empty(highest=False)
    side.change([(price, 0, 1, 0) for price in (30, 10, 20)])
    side.change([(10, 0, 0, 0), (40, 0, 5, 0)])

    assert side.arrays()["price_e8"][:4].tolist() == [30, 40, 20, 0]
    assert side.arrays()["volume_e8"][:4].tolist() == [1, 5, 1, 0]


def test_a_copy_is_independent() -> None:
    """Folding into a copy leaves the market as it was."""
    market = synchronised()
    before = {name: array.copy() for name, array in market.state().items()}

    fold(market.copy(), *stream(200))

    for name, array in before.items():
        np.testing.assert_array_equal(market.state()[name], array)
    assert prices(market) == (sorted(BIDS), sorted(ASKS))


def _sound(market: Market, rows: Rows) -> None:
    times, breaks = rows[:, Column.TIME_NS], rows[:, Column.BREAK]
    for before, now, is_break in zip(times, times[1:], breaks[1:], strict=False):
        assert is_break or 0 <= int(now) - int(before) <= JUMP_NS
    valid = rows[rows[:, Column.VALID] != 0]
    assert (valid[:, Column.BID_E8] > 0).all()
    assert (valid[:, Column.BID_E8] < valid[:, Column.ASK_E8]).all()
    assert_same(Market.of(market.state()), market)


@settings(max_examples=150, deadline=None)
@given(st.lists(any_record, min_size=1, max_size=12))
def test_no_record_makes_the_fold_raise(records: Sequence[Record]) -> None:
    """Whatever a log can hold, the fold is total, and what it holds is sound."""
    market = Market.initial()

    _sound(market, fold(market, *records))


_strange_levels = st.lists(
    st.builds(
        Level,
        price_e8=st.integers(-2, 5),
        volume_e8=st.integers(-1, 2),
        price_decimals=st.integers(-128, 127),
        volume_decimals=st.integers(-128, 127),
        order_count=st.just(1),
    ),
    max_size=3,
).map(tuple)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.builds(
            BookUpdate,
            exchange_ns=st.none() | st.integers(-(2**63), 2**63 - 1),
            received_ns=st.just(0),
            bids=_strange_levels,
            asks=_strange_levels,
            snapshot=st.booleans(),
            checksum=st.none() | st.just(0),
            snapshot_id=st.none() | st.integers(0, 3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_level_makes_the_fold_raise(records: list[BookUpdate]) -> None:
    """Not even counts of decimals that no decoder would let through, nor any stamp."""
    market = Market.initial()

    _sound(market, fold(market, *records))


_plausible = st.integers(0, 2**31).flatmap(
    lambda seed: st.integers(1, 80).map(lambda count: stream(count, seed=seed))
)
_few_levels = st.lists(
    st.builds(
        Level,
        price_e8=st.integers(0, 14).map(lambda steps: steps * CENT_E8),
        volume_e8=st.sampled_from((-1, 0, 0, 1, 5 * E8)),
        price_decimals=st.sampled_from((2, 2, 2, 9)),
        volume_decimals=st.integers(0, 8),
        order_count=st.just(1),
    ),
    max_size=12,
).map(tuple)
_few_books = st.builds(
    BookUpdate,
    exchange_ns=st.none() | st.integers(START_NS, START_NS + 2 * JUMP_NS),
    received_ns=st.integers(0, 10),
    bids=_few_levels,
    asks=_few_levels,
    snapshot=st.booleans(),
    checksum=st.none() | st.just(0),
    snapshot_id=st.none() | st.integers(0, 2),
    taken_ns=st.none() | st.integers(-5, 10),
)
_journals = st.lists(
    _plausible | st.lists(_few_books | any_record, max_size=10), min_size=1, max_size=5
).map(lambda parts: [record for part in parts for record in part])


@settings(max_examples=150, deadline=None)
@given(_journals, st.integers(0, 2**31))
def test_it_is_the_plain_fold_wherever_it_is_cut(records: list[Record], seed: int) -> None:
    """Whatever stands in the log, each row and each bit of the state is as the plain one has it."""
    whole, draws = encode(records, first_offset=3), random.Random(seed)
    market, plain = Market.initial(), PlainMarket()
    start = 0
    while start < whole.num_rows:
        chunk = whole.slice(start, draws.choice((1, 1, 7, 64, 1_024)))
        start += chunk.num_rows

        rows = market.fold(chunk)

        assert rows.tolist() == plain.fold(decode(chunk))
        for name, array in plain.state().items():
            np.testing.assert_array_equal(market.state()[name], array, err_msg=name)


def test_a_full_side_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all slots are taken a new price finds one only after another has gone."""
    monkeypatch.setattr(markets, "SIDE_LEVELS_MAX", 8)
    monkeypatch.setattr(plain_market, "SIDE_LEVELS_MAX", 8)
    draws = random.Random(1)
    market, plain = Market.initial(), PlainMarket()
    for number in range(300):
        sides = [
            [
                (draws.randrange(1, 14) * CENT_E8, draws.randrange(3))
                for _ in range(draws.choice((0, 2, 5)))
            ]
            for _ in range(2)
        ]
        update = book(*sides, at_ms=number, snapshot=not draws.randrange(4), snapshot_id=number)
        chunk = encode([update], first_offset=number)

        assert market.fold(chunk).tolist() == plain.fold(decode(chunk))
    assert {name: array.tolist() for name, array in market.state().items()} == {
        name: array.tolist() for name, array in plain.state().items()
    }


def test_columns_without_a_null_are_read_like_others() -> None:
    """A chunk of one kind of record has whole columns null; they count as nothing."""
    batch = encode([quote(1, 2, at_ms=0)], first_offset=3)

    assert batch.column("bids").null_count == 1
    assert isinstance(batch, pa.RecordBatch)
    assert Market.initial().fold(batch)[0, Column.OFFSET] == 3
