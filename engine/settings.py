"""What decides without shaping anything: inputs of the compiled step, the same for every tick.

Parameters that give arrays their size (`engine.parameters.Shape`) are constants of the compiled
code. All others, and the venue's fees, are handed to it with each call. So journals, forks and
sweeps of one shape share one compilation.

What follows from a parameter alone is computed here, in Python, and not in the step.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from engine.parameters import Parameters
from engine.venue_rules import DEFAULT_RULES, FeeTiers, VenueRules

TIERS_MAX = 32
"""Fee tiers of a venue, at most (I10)."""

_TIERS = ("tier_bounds_e8", "tier_drops_ppm")
_E8, _ENDLESS = 10**8, 2**63 - 1


class Settings(NamedTuple):
    """The settings of one journal: arrays, or tensors inside the step; a number each, but tiers."""

    seed: Any  # int64[]
    horizon_ns: Any  # int64[]
    exits_max: Any  # int64[]
    generated_max: Any  # int64[]
    warm_up_labels: Any  # int64[]
    warm_up_horizons: Any  # int64[]
    order_cash_e8: Any  # int64[]
    latency_ns: Any  # int64[]
    late_ns: Any  # int64[]
    amount_step_e8: Any  # int64[]: increment of an order's amount
    amount_min_e8: Any  # int64[]
    first_fee_ppm: Any  # int64[]: the fee of an account that has not traded
    tier_bounds_e8: Any  # int64[TIERS_MAX]: the volume above which a tier ends
    tier_drops_ppm: Any  # int64[TIERS_MAX]: by how much the fee falls there
    learning_rate: Any  # float32[]: with the weight of labels
    rate_control: Any  # float32[]
    label_weight: Any  # float32[]
    feedback: Any  # float32[]
    confidence_floor: Any  # float32[]


INTEGERS = Settings._fields[: Settings._fields.index("learning_rate")]
"""The names of the whole numbers, int64 each; the others are float32."""

FRACTIONS = Settings._fields[len(INTEGERS) :]


class Packed(NamedTuple):
    """Settings as the step takes them, in the order of their names."""

    integers: Any  # int64[…]
    fractions: Any  # float32[…]


def settings_of(parameters: Parameters, rules: VenueRules = DEFAULT_RULES) -> Settings:
    """Return the settings of these parameters at a venue.

    Raises:
        ValueError: if the venue has more than `TIERS_MAX` tiers.
    """
    fixed = FeeTiers(tiers=(), lowest_ppm=parameters.fee_ppm)
    schedule = rules.fees if parameters.fee_ppm < 0 else fixed
    if len(schedule.tiers) > TIERS_MAX:
        raise ValueError(f"{len(schedule.tiers)} fee tiers, at most {TIERS_MAX}")
    missing = TIERS_MAX - len(schedule.tiers)
    bounds_e8 = [bound * _E8 for bound, _ in schedule.tiers]
    fees_ppm = [*(fee for _, fee in schedule.tiers), schedule.lowest_ppm]
    drops_ppm = [fee - lower for fee, lower in pairwise(fees_ppm)]
    values = {
        "seed": parameters.seed,
        "horizon_ns": parameters.horizon_ms * 1_000_000,
        "exits_max": parameters.exits_max,
        "generated_max": parameters.generated_max,
        "warm_up_labels": parameters.warm_up_labels,
        "warm_up_horizons": parameters.warm_up_horizons,
        "order_cash_e8": parameters.order_cash * _E8,
        "latency_ns": parameters.latency_ms * 1_000_000,
        "late_ns": parameters.late_ms * 1_000_000,
        "amount_step_e8": 10 ** (8 - parameters.amount_decimals),
        "amount_min_e8": parameters.amount_min_e8,
        "first_fee_ppm": schedule.first_ppm,
        "tier_bounds_e8": bounds_e8 + [_ENDLESS] * missing,
        "tier_drops_ppm": drops_ppm + [0] * missing,
        "learning_rate": parameters.learning_rate * parameters.label_weight,
        "rate_control": parameters.rate_control,
        "label_weight": parameters.label_weight,
        "feedback": parameters.feedback,
        "confidence_floor": parameters.confidence_floor,
    }
    return Settings(
        **{
            name: np.array(value, np.int64 if name in INTEGERS else np.float32)
            for name, value in values.items()
        }
    )


def pack_settings(settings: Settings) -> Packed:
    """Return the settings as two vectors."""
    return Packed(np.hstack(settings[: len(INTEGERS)]), np.hstack(settings[len(INTEGERS) :]))


def unpack_settings(packed: Packed) -> Settings:
    """Return the settings of two vectors, arrays or tensors."""
    values: dict[str, Any] = {}
    for names, vector in ((INTEGERS, packed.integers), (FRACTIONS, packed.fractions)):
        place = 0
        for name in names:
            if name in _TIERS:
                values[name] = vector[place : place + TIERS_MAX]
                place += TIERS_MAX
            else:
                values[name] = vector[place]
                place += 1
    return Settings(**values)
