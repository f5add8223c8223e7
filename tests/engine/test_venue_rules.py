"""Rules by venue: BTC Markets' are those of every journal that names none."""

import pytest

import feeds.venue
from engine.parameters import Parameters, parameters_from
from engine.venue_rules import BTC_MARKETS, DEFAULT_RULES, RULES, FeeTiers, rules_at


def test_the_default_is_btc_markets() -> None:
    """Its amounts are the parameters' defaults, so that earlier journals keep their digest."""
    assert rules_at(BTC_MARKETS) is DEFAULT_RULES
    assert parameters_from(DEFAULT_RULES.parameters) == Parameters()


@pytest.mark.parametrize("name", RULES)
def test_fees_fall_as_volumes_rise(name: str) -> None:
    schedule = RULES[name].fees
    bounds = [bound for bound, _ in schedule.tiers]
    ppm = [*(fee for _, fee in schedule.tiers), schedule.lowest_ppm]

    assert bounds == sorted(set(bounds))
    assert ppm == sorted(ppm, reverse=True)


def test_an_account_begins_with_the_first_fee() -> None:
    """Which is the only one where a venue has no tiers."""
    tiers = ((10, 30), (20, 20))

    assert FeeTiers(tiers=tiers, lowest_ppm=5).first_ppm == 30
    assert FeeTiers(tiers=(), lowest_ppm=5).first_ppm == 5


def test_the_checksum_is_the_exchanges() -> None:
    """One of its published vectors: 0.99 and 1 on one side, 1.01 and 2 on the other."""
    checksum = DEFAULT_RULES.book_checksum
    bid, ask = (99_000_000, 2, 100_000_000, 0), (101_000_000, 2, 200_000_000, 0)

    assert checksum.of([checksum.signed(bid), checksum.signed(ask)]) == 2_111_165_642


def test_a_venue_without_rules_has_none() -> None:
    with pytest.raises(KeyError):
        rules_at("nowhere")


def test_every_venue_has_rules() -> None:
    """The engine and the feeds do not import each other: they agree by name."""
    assert feeds.venue.BTC_MARKETS == BTC_MARKETS
    assert set(feeds.venue.VENUES) == set(RULES)
