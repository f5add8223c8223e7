"""What a decision rests on, from the log alone."""

import dataclasses
import shutil
from pathlib import Path

from analysis.decision import explain, neighbours, reasons_before
from cli.render.decision import to_lines
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import BookUpdate, Decision, MarketStatus, Quote, Trade
from fixtures.record import HERE
from journal import layout
from journal.reading import scan

PLACE = layout.find(HERE / "gap", None)


def test_what_is_before_a_tick_is_the_newest_of_each_kind() -> None:
    """One quote, one trade and one book update at most, in the order of the log."""
    log = Reader.open(PLACE.log)
    said = explain(PLACE, log, "last")
    offsets = [offset for offset, _ in said.before]

    assert offsets == sorted(offsets)
    assert len({type(record) for _, record in said.before}) == len(said.before) <= 3
    assert all(offset < said.decision.cause for offset in offsets)
    assert neighbours(log, 0) == ()


def test_reasons_within_a_window_are_fewer() -> None:
    """All decisions up to this one, or those of some seconds before it."""
    log = Reader.open(PLACE.log)
    offset = explain(PLACE, log, "last").offset
    decided = [
        record.received_ns for _, record in scan.records(log, 0, offset + 1, kinds=["decision"])
    ]

    assert reasons_before(log, offset, None).total() == len(decided)
    within = sum(1 for received_ns in decided if received_ns >= decided[-1] - 10**9)
    assert reasons_before(log, offset, 1.0).total() == within


def test_how_long_a_tick_waited() -> None:
    """From its receipt to when it was taken up; nothing where that is not on record."""
    said = explain(PLACE, Reader.open(PLACE.log), "last")
    assert isinstance(said.tick, Quote | Trade | BookUpdate)
    tick = dataclasses.replace(said.tick, taken_ns=said.tick.received_ns + 2_500_000)

    assert said.delay_ms is None
    assert dataclasses.replace(said, tick=tick).delay_ms == 2.5


def test_what_the_exchange_said_of_the_market(tmp_path: Path) -> None:
    """A market that takes no orders is told with the decision; one that does needs no line."""
    shutil.copytree(HERE / "gap" / "BTC-AUD", tmp_path / "BTC-AUD")
    place = layout.find(tmp_path, None)
    with Log.open(place.log) as log:
        found = scan.last(log, Decision)
        assert found is not None
        log.append([MarketStatus(received_ns=1, status="Post Only\x1b[2J")])
        quotes = [r for _, r in scan.records(log, 0, 200, kinds=["quote"])][:1]
        cause = log.end
        log.append(quotes)
        log.append([dataclasses.replace(found[1], cause=cause)])
    log_now = Reader.open(place.log)
    said = explain(place, log_now, "last")

    assert said.summary().market_status == "Post Only\x1b[2J"
    assert any("the exchange says Post Only" in line for line in to_lines(said))
    assert explain(place, log_now, str(found[0])).market_status is None
