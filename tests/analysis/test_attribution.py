"""What the network looks at."""

from analysis.attribution import influences
from analysis.history import gather
from engine.learner.features import NAMES
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath


def test_every_feature_has_an_influence_the_strongest_first() -> None:
    """A network that has learned looks at something."""
    place = JournalPath(HERE / "kill-and-resume", JOURNAL)
    rows = influences(gather(place, Reader.open(place.log)))

    assert {row.name for row in rows} == set(NAMES)
    sizes = [row.influence for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0
