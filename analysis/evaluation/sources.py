"""What can be evaluated on: a journal, files, or a synthetic market."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.parameters import Parameters
from engine.venue_rules import BTC_MARKETS, VenueRules, rules_at
from eventlog.reader import Reader
from eventlog.records import TICK_KINDS
from feeds.files import merge
from feeds.files.survey import Survey
from feeds.streams import STREAMS, market
from journal.header import header_of
from journal.layout import JournalPath
from journal.replay import COLUMNS


@dataclass(frozen=True, slots=True)
class Source:
    """Records that can be read again and again, and what is known of them."""

    name: str
    records: Callable[[], Iterator[pa.RecordBatch]]
    count: int
    """About how many records there are."""

    ticks: int
    """About how many of them are ticks."""

    p_up: npt.NDArray[np.float64] | None = None
    """The best possible forecast at each record, [records], where it is known."""

    changes: list[int] = field(default_factory=list)
    """The records at which the rule changes."""

    venue: str = BTC_MARKETS
    """Whose rules hold for the engine."""

    @property
    def rules(self) -> VenueRules:
        """The rules of its venue."""
        return rules_at(self.venue)


def of_journal(place: JournalPath) -> tuple[Source, Parameters]:
    """Return a journal's records, and its parameters."""
    log = Reader.open(place.log)
    header = header_of(log, place)
    kinds = pa.array(TICK_KINDS)
    ticks = sum(
        pc.sum(pc.is_in(batch.column("kind"), kinds)).as_py() or 0
        for batch in log.read(columns=("kind",))
    )
    records = partial(log.read, 0, log.end, columns=COLUMNS)
    return Source(place.name, records, log.end, ticks, venue=header.venue), header.parameters


def of_files(surveys: Sequence[Survey]) -> Source:
    """Return the records of tables or recorded frames."""
    count = sum(survey.records for survey in surveys)

    def records() -> Iterator[pa.RecordBatch]:
        return (reading.batch for reading in merge.readings(surveys) if reading.batch.num_rows)

    name = ", ".join(survey.path.name for survey in surveys)
    return Source(name, records, count, count, venue=surveys[0].venue)


def of_stream(name: str, *, seed: int, ticks: int) -> Source:
    """Return a synthetic market."""
    synthetic = market(name, seed=seed, ticks=ticks)
    return Source(
        f"{name} ({STREAMS[name].text}), seed {seed}",
        synthetic.batches,
        len(synthetic.kind),
        ticks,
        synthetic.p_up,
        STREAMS[name].changes(ticks),
    )
