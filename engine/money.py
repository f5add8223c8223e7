"""Integer money inside the compiled step: counts of 1e-8, rounded by stated rules (I8)."""

from engine.arithmetic import Tensor, tf

E8 = 100_000_000


def product_e8(left_e8: Tensor, right_e8: Tensor) -> Tensor:
    """Return the product of two non-negative counts of 1e-8, rounded down to 1e-8; int64.

    Each factor is split at the unit, because the plain product of a price and a volume overflows
    64 bits. Exact while the product is below 9.2e10 units.
    """
    left_units, left_rest = left_e8 // E8, left_e8 % E8
    right_units, right_rest = right_e8 // E8, right_e8 % E8
    return (
        left_units * right_units * E8
        + left_units * right_rest
        + left_rest * right_units
        + left_rest * right_rest // E8
    )


def share_up_e8(value_e8: Tensor, ppm: int) -> Tensor:
    """Return so many parts per million of a non-negative value, rounded up; int64.

    Exact while ``value_e8 * ppm`` stays below 2**63: at 8500 ppm, ten million units.
    """
    return (value_e8 * ppm + 999_999) // 1_000_000


def quotient_e8(value_e8: Tensor, price_e8: Tensor) -> Tensor:
    """Return how much volume so much money buys at a price, rounded down to 1e-8 or a little less.

    The division is made in float64 (IEEE 754: correctly rounded, the same everywhere), so the
    result may be short of the exact quotient by one part in 2**50, never above what the money buys.
    """
    price = tf.cast(tf.maximum(price_e8, 1), tf.float64)
    exact = tf.cast(value_e8, tf.float64) / price * (1.0 - 2.0**-50)
    return tf.cast(tf.floor(exact * E8), tf.int64)
