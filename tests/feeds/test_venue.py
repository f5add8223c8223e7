"""Venues are found by name."""

import pytest

from feeds.errors import VenueUnknown
from feeds.venue import VENUES, venue


@pytest.mark.parametrize("name", VENUES)
def test_a_venue_is_what_its_name_says(name: str) -> None:
    assert venue(name).facts.name == name


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(VenueUnknown, match="unknown venue 'nowhere'") as caught:
        venue("nowhere")

    assert "btcmarkets" in caught.value.hint
