"""The streamed book against REST's at one version."""

from eventlog.records import BookUpdate, Level
from eventlog.sizes import held_bytes
from feeds.btcmarkets.crosscheck import UPDATES_BYTES_MAX, UPDATES_MAX, CrossCheck
from feeds.btcmarkets.protocol import Orders


def update(version: int | None, *, snapshot: bool = False, **sides: dict[int, int]) -> BookUpdate:
    bids, asks = (
        tuple(Level(p, v, 0, 0, 1) for p, v in sides.get(side, {}).items())
        for side in ("bids", "asks")
    )
    return BookUpdate(
        exchange_ns=0, received_ns=0, bids=bids, asks=asks, snapshot=snapshot, checksum=None,
        snapshot_id=version,
    )  # fmt: skip


def orders(version: int | None, bids: dict[int, int], asks: dict[int, int]) -> Orders:
    return Orders("A-B", version, tuple(bids.items()), tuple(asks.items()))


def check() -> CrossCheck:
    made = CrossCheck()
    made.add(update(5, bids={97: 9}))  # before the snapshot: nothing
    made.add(update(10, snapshot=True, bids={99: 1, 98: 2}, asks={101: 1, 102: 2}))
    made.add(update(9, bids={99: 7}))  # stale
    made.add(update(20, bids={99: 3}))
    made.add(update(20, asks={101: 0}))
    made.add(update(30, bids={99: 4}))
    return made


def test_equal_at_a_version_that_was_passed() -> None:
    """All updates of that version count, later and stale ones do not."""
    assert check().agrees(orders(10, {99: 1, 98: 2}, {101: 1, 102: 2})) is True
    assert check().agrees(orders(20, {99: 3, 98: 2}, {102: 2})) is True


def test_the_worst_price_may_be_cut_short() -> None:
    """The limit is of fifty orders, not of prices."""
    assert check().agrees(orders(20, {99: 3, 98: 1}, {102: 1})) is True


def test_another_book() -> None:
    """A volume or a price that differs above the worst one."""
    assert check().agrees(orders(20, {99: 2, 98: 2}, {102: 2})) is False
    assert check().agrees(orders(20, {99: 3, 98: 2}, {101: 1, 102: 2})) is False
    assert check().agrees(orders(20, {99: 3, 98: 2, 97: 1}, {102: 2})) is False


def test_no_verdict_without_a_common_version() -> None:
    """Unknown, not passed, in between, or not yet behind us."""
    for version in (None, 5, 15, 30, 31):
        assert check().agrees(orders(version, {}, {})) is None
    assert CrossCheck().agrees(orders(10, {}, {})) is None


def test_it_is_bounded() -> None:
    """Too many updates end it without a verdict; a new snapshot begins it again."""
    made = check()
    for version in range(40, 40 + UPDATES_MAX):
        made.add(update(version, bids={99: 1}))
    assert made.agrees(orders(20, {99: 3, 98: 2}, {102: 2})) is None

    made.add(update(10**6, snapshot=True, bids={99: 1}))
    made.add(update(10**6 + 1, bids={99: 2}))
    assert made.agrees(orders(10**6, {99: 1}, {})) is True


def test_it_is_bounded_in_bytes() -> None:
    """A few updates of a hundred thousand levels are as many as thousands of one."""
    made = check()
    large = update(40, bids=dict.fromkeys(range(1, 100_001), 1))
    for _ in range(10):
        made.add(large)

    assert made.agrees(orders(20, {99: 3, 98: 2}, {102: 2})) is None
    assert sum(map(held_bytes, made._updates)) <= UPDATES_BYTES_MAX
