"""A board of a session that has seen a whole recorded journal."""

import io

import pyarrow as pa
import pyarrow.compute as pc

from eventlog.reader import Reader
from eventlog.records import EFFECT_KINDS
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath
from journal.live.counters import Board
from journal.reading.prices import Prices


def told() -> Board:
    """Return a board that has seen a whole journal, batch by batch."""
    board = Board("BTC-AUD", io.StringIO())
    prices = Prices()
    for batch in Reader.open(JournalPath(HERE / "gap", JOURNAL).log).read():
        effects = pc.is_in(batch.column("kind"), pa.array(EFFECT_KINDS))
        board.see(batch)
        prices.add(batch)
        board.price(prices.now)
        board.show(batch.filter(effects))
    return board


def effects() -> pa.RecordBatch:
    """Return what was decided in a whole journal, as one batch."""
    table = pa.Table.from_batches(Reader.open(JournalPath(HERE / "gap", JOURNAL).log).read())
    effects = table.filter(pc.is_in(table.column("kind"), pa.array(EFFECT_KINDS)))
    return effects.combine_chunks().to_batches()[0]
