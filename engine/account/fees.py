"""What a venue takes from a taker: its tiers by the volume traded in the last thirty days.

The tiers are the venue's (`engine.venue_rules`), or one fee of a journal's own.
"""

from engine.arithmetic import Tensor, tf
from engine.settings import Settings

DAYS = 30
"""The days whose volume counts, today included."""

DAY_NS = 86_400 * 10**9
HOUR_NS = 3_600 * 10**9
"""How often an account's fee is computed anew."""


def taker_ppm(volume_e8: Tensor, settings: Settings) -> Tensor:
    """Return the fee for volumes of thirty days, int64[…] → int64[…]."""
    above = tf.cast(volume_e8[..., None] > settings.tier_bounds_e8, tf.int64)
    return settings.first_fee_ppm - tf.reduce_sum(above * settings.tier_drops_ppm, -1)
