"""What a venue takes from a taker: its tiers by the volume traded in the last thirty days.

The tiers are the venue's (`engine.venue_rules`).
"""

from itertools import pairwise

from engine.account.money import E8
from engine.arithmetic import Tensor, tf
from engine.venue_rules import FeeTiers

DAYS = 30
"""The days whose volume counts, today included."""

DAY_NS = 86_400 * 10**9
HOUR_NS = 3_600 * 10**9
"""How often an account's fee is computed anew."""


def taker_ppm(volume_e8: Tensor, schedule: FeeTiers) -> Tensor:
    """Return the fee for volumes of thirty days, int64[…] → int64[…]."""
    bounds = tf.constant([bound * E8 for bound, _ in schedule.tiers], tf.int64)
    fees = [*(fee for _, fee in schedule.tiers), schedule.lowest_ppm]
    drops = tf.constant([fee - lower for fee, lower in pairwise(fees)], tf.int64)
    above = tf.cast(volume_e8[..., None] > bounds, tf.int64)
    return fees[0] - tf.reduce_sum(above * drops, -1)
