"""The campaign of hostile exchanges: what its sessions meet."""

import random

from tests.feeds.adversary.exchange import MODES, schedule


def test_every_mode_has_its_turn() -> None:
    """A long enough session meets all of them, each before one comes again."""
    drawn = schedule(random.Random(0), seconds=600.0)
    modes = [each.mode for each in drawn][1 : 2 * len(MODES) : 2]

    assert sorted(modes) == sorted(MODES)
