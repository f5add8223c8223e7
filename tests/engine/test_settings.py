"""Settings: every parameter that shapes nothing is one, and decides as it did as a constant."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from engine.arithmetic import tf
from engine.engine import arithmetic_digest
from engine.parameters import Parameters, Shape
from engine.settings import (
    FRACTIONS,
    INTEGERS,
    TIERS_MAX,
    Packed,
    Settings,
    pack_settings,
    settings_of,
    unpack_settings,
)
from engine.venue_rules import DEFAULT_RULES, FeeTiers

SHAPING = {spec.name for spec in fields(Shape)}
BEGINNING = {"cash"}
"""What only the initial state depends on."""

TRADING = {"fee_ppm": 0, "warm_up_labels": 50, "warm_up_horizons": 2, "confidence_floor": 0.5}
RECORDED: dict[str, dict[str, Any]] = {
    "0d2cdb716f61f3e040d009376c6e30c5": TRADING,
    "8a133e847daadc73c18e57c2c326454f": {
        **TRADING,
        "learning_rate": 0.01,
        "rate_control": 0.7,
        "label_weight": 0.3,
        "feedback": 0.4,
        "confidence_floor": 0.52,
    },
    "f2ed155281b7c66dd3c6bb63c844e86f": {
        **TRADING,
        "seed": 77,
        "rate_control": 0.0,
        "feedback": 0.0,
    },
    "beffc48778477f0d31097e2c76c1667d": {
        "seed": 2**31 - 1,
        "horizon_ms": 250,
        "learning_rate": 0.003,
        "rate_control": 0.5,
        "label_weight": 0.5,
        "exits_max": 1,
        "generated_max": 2,
        "warm_up_labels": 20,
        "warm_up_horizons": 2,
        "feedback": 0.5,
        "confidence_floor": 0.5,
        "cash": 500,
        "order_cash": 77,
        "latency_ms": 0,
        "late_ms": 5,
        "amount_decimals": 3,
    },
}
"""Digests of runs with parameters of one shape, recorded while all were constants of the step."""


def said(settings: Settings) -> list[object]:
    """Return the settings as Python's numbers."""
    return [np.asarray(value).tolist() for value in settings]


@pytest.mark.parametrize("spec", fields(Parameters), ids=lambda spec: spec.name)
def test_a_parameter_shapes_or_is_a_setting(spec: Any) -> None:
    """One that is neither would be without effect."""
    name = spec.name
    usual = Parameters(order_cash=1, cash=10**9)
    low, high = spec.metadata["low"], spec.metadata["high"]
    other = replace(usual, **{name: low if getattr(usual, name) != low else high})

    assert (said(settings_of(other)) != said(settings_of(usual))) == (
        name not in SHAPING | BEGINNING
    )
    assert (other.shape != usual.shape) == (name in SHAPING)


def test_what_is_packed_is_unpacked() -> None:
    """As arrays and as tensors, bit for bit."""
    settings = settings_of(Parameters(seed=2**31 - 1, learning_rate=0.1))
    packed = pack_settings(settings)

    assert (packed.integers.dtype, packed.fractions.dtype) == (np.int64, np.float32)
    assert packed.fractions.shape == (len(FRACTIONS),)
    assert packed.integers.size == len(INTEGERS) + 2 * (TIERS_MAX - 1)
    assert said(unpack_settings(packed)) == said(settings)
    assert said(unpack_settings(Packed(*map(tf.constant, packed)))) == said(settings)


def test_an_input_decides_as_the_constant_did() -> None:
    """In every bit, although the compiler knew the constant; where the arithmetic is that one."""
    sizes = {"memory_rows": 512, "archive_rows": 256}
    found = [arithmetic_digest(Parameters(**sizes, **values)) for values in RECORDED.values()]

    if not set(found) & set(RECORDED):
        pytest.skip("recorded on other arithmetic than this build's on this machine")
    assert found == list(RECORDED)


def test_a_fee_of_ones_own_is_a_schedule_without_tiers() -> None:
    fixed, tiered = settings_of(Parameters(fee_ppm=250)), settings_of(Parameters())

    assert (int(fixed.first_fee_ppm), int(tiered.first_fee_ppm)) == (250, 8_500)
    assert not fixed.tier_drops_ppm.any()
    assert tiered.tier_drops_ppm.sum() == 8_500 - 1_000


def test_a_venue_has_a_stated_maximum_of_tiers() -> None:
    """I10."""
    tiers = tuple((bound, 9_000 - bound) for bound in range(1, TIERS_MAX + 2))
    rules = replace(DEFAULT_RULES, fees=FeeTiers(tiers=tiers, lowest_ppm=10))

    assert int(settings_of(Parameters(fee_ppm=1), rules).first_fee_ppm) == 1
    with pytest.raises(ValueError, match="33 fee tiers, at most 32"):
        settings_of(Parameters(), rules)
