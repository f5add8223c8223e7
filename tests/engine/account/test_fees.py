"""The exchange's tiers, beside a plain walk through the published table."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.account import fees
from engine.account.money import E8, E8_MAX
from engine.arithmetic import tf
from engine.parameters import Parameters
from engine.settings import settings_of
from engine.venue_rules import DEFAULT_RULES, FeeTiers

SCHEDULE = DEFAULT_RULES.fees
SETTINGS = settings_of(Parameters())


def expected_ppm(volume_e8: int) -> int:
    """Return the fee by the first tier that the volume is within."""
    within = [fee for bound, fee in SCHEDULE.tiers if volume_e8 <= bound * E8]
    return within[0] if within else SCHEDULE.lowest_ppm


@settings(deadline=None)
@given(st.lists(st.integers(0, E8_MAX) | st.integers(0, 6_000_000 * E8), min_size=1, max_size=8))
def test_each_volume_has_its_tier(volumes: list[int]) -> None:
    """One fee for each account."""
    found = fees.taker_ppm(tf.constant(volumes, tf.int64), SETTINGS).numpy().tolist()

    assert found == [expected_ppm(volume) for volume in volumes]


@pytest.mark.parametrize(("bound", "fee"), SCHEDULE.tiers)
def test_a_bound_is_within_its_tier(bound: int, fee: int) -> None:
    """And the smallest amount more is not."""
    at, beyond = fees.taker_ppm(
        tf.constant([bound * E8, bound * E8 + 1], tf.int64), SETTINGS
    ).numpy()

    assert at == fee
    assert beyond < fee


def test_fees_fall_with_volume() -> None:
    """From 0.85 % to 0.10 %."""
    ppm = [fee for _, fee in SCHEDULE.tiers] + [SCHEDULE.lowest_ppm]

    assert ppm == sorted(ppm, reverse=True)
    assert (ppm[0], ppm[-1]) == (8_500, 1_000)


def test_a_venue_may_have_one_fee_for_everybody() -> None:
    flat = FeeTiers(tiers=(), lowest_ppm=250)
    settled = settings_of(Parameters(), replace(DEFAULT_RULES, fees=flat))

    found = fees.taker_ppm(tf.constant([0, E8_MAX], tf.int64), settled).numpy().tolist()

    assert found == [250, 250]
    assert flat.first_ppm == 250
