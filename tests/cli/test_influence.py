"""What the network looks at."""

from cli.chronicle import gather
from cli.influence import influences
from cli.journal import Place
from engine.features import NAMES
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL


def test_every_feature_has_an_influence_the_strongest_first() -> None:
    """A network that has learned looks at something."""
    place = Place(HERE / "kill-and-resume", JOURNAL)
    rows = influences(gather(place, Reader.open(place.log)))

    assert {row["name"] for row in rows} == set(NAMES)
    sizes = [row["influence"] for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0
