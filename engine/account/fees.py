"""What the exchange takes from a taker: its tiers by the volume traded in the last thirty days.

Source: BTC Markets' fee page, as archived on 2025-12-05: one rate for makers and takers on pairs
quoted in AUD and USDT, by the rolling volume of thirty days in AUD, recomputed hourly. Pairs quoted
in BTC have a flat fee of another size: give it as the parameter ``fee_ppm``.
"""

from itertools import pairwise

from engine.account.money import E8
from engine.arithmetic import Tensor, tf

TIERS = (
    (500, 8_500), (1_000, 8_300), (3_000, 8_000), (9_000, 7_500), (18_000, 7_000),
    (40_000, 6_500), (60_000, 6_000), (70_000, 5_500), (80_000, 5_000), (90_000, 4_500),
    (115_000, 4_000), (125_000, 3_500), (200_000, 3_000), (400_000, 2_500), (650_000, 2_300),
    (850_000, 2_000), (1_000_000, 1_800), (3_000_000, 1_500), (5_000_000, 1_300),
)  # fmt: skip
"""(volume up to and including which it holds, in whole units of the quote currency; fee, ppm)."""

LOWEST_PPM = 1_000
"""The fee above the last tier's volume."""

DAYS = 30
"""The volume of how many days counts, today among them."""

DAY_NS = 86_400 * 10**9
HOUR_NS = 3_600 * 10**9
"""How often the exchange recomputes an account's fee."""


def taker_ppm(volume_e8: Tensor) -> Tensor:
    """Return the fee for volumes of thirty days, int64[…] → int64[…]."""
    bounds = tf.constant([bound * E8 for bound, _ in TIERS], tf.int64)
    fees = [fee for _, fee in TIERS] + [LOWEST_PPM]
    drops = tf.constant([fee - lower for fee, lower in pairwise(fees)], tf.int64)
    above = tf.cast(volume_e8[..., None] > bounds, tf.int64)
    return fees[0] - tf.reduce_sum(above * drops, -1)
