"""The loop over an interval of a log: stops, watching, and the first difference."""

from engine.checkpoint import Checkpoints
from engine.engine import Engine
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal import layout
from journal.header import header_of
from journal.replay import rerun
from tests.support.golden import claim

PLACE = layout.find(HERE / "gap", JOURNAL)
LOG = Reader.open(PLACE.log)
GENESIS = header_of(LOG, PLACE)
FIRST = Checkpoints(PLACE.checkpoints).read(0)[0]


def test_the_engine_is_shown_at_every_stop() -> None:
    """A chunk ends at each stop, so a watcher sees the state right there."""
    claim(HERE / "gap")
    seen: list[int] = []

    def watch(engine: Engine) -> None:
        seen.append(engine.position)

    outcome = rerun(LOG, GENESIS, FIRST, after=0, end=500, stops=(17, 18, 300), watch=watch)

    assert {17, 18, 300, 499} <= set(seen)
    assert outcome.divergence is None


def test_progress_counts_every_record() -> None:
    """What is said to be done adds up to the interval."""
    claim(HERE / "gap")
    done: list[int] = []

    rerun(LOG, GENESIS, FIRST, after=0, end=LOG.end, chunk_ticks=100, advance=done.append)

    assert sum(done) == LOG.end - 1


def test_it_stops_behind_the_first_difference() -> None:
    """A weight that differs shows at the first decision, and no time is spent after it."""
    claim(HERE / "gap")
    state = {name: array.copy() for name, array in FIRST.items()}
    state["learner.weights"].view("int32")[0] ^= 1
    done: list[int] = []

    outcome = rerun(LOG, GENESIS, state, after=0, end=LOG.end, chunk_ticks=50, advance=done.append)

    assert outcome.divergence is not None
    assert outcome.divergence.column in ("p_move", "fingerprint")
    assert sum(done) <= 100
