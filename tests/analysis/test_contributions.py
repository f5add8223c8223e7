"""What each feature of a tick added to the network's answer."""

from analysis.contributions import contributions
from engine.learner.features import NAMES
from eventlog.reader import Reader
from fixtures.record import HERE
from journal import layout
from journal.header import header_of


def test_every_feature_has_a_contribution_the_strongest_first() -> None:
    """Those that the learner made for itself stand among them."""
    place = layout.find(HERE / "gap", None)
    log = Reader.open(place.log)
    header = header_of(log, place)
    derived = contributions(place, log, header, 244)

    assert derived is not None
    assert {one.name for one in derived.features} >= set(NAMES)
    sizes = [abs(one.pull) for one in derived.features]
    assert sizes == sorted(sizes, reverse=True)
    assert derived.compared > 0
