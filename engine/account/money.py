"""Integer money inside the compiled step: counts of 1e-8, rounded by stated rules (I8)."""

from engine.arithmetic import Tensor, tf

E8 = 100_000_000
E8_MAX = 10**18 - 1
"""The largest count that a log can hold; larger amounts are clipped to it (`eventlog.records`)."""


def product_e8(left_e8: Tensor, right_e8: Tensor) -> Tensor:
    """Return the product of two non-negative counts of 1e-8, rounded down to 1e-8; int64.

    Each factor is split at the unit, because the plain product of a price and a volume overflows
    64 bits. A product above `E8_MAX` is `E8_MAX`.
    """
    left_units, right_units = tf.truncatediv(left_e8, E8), tf.truncatediv(right_e8, E8)
    left_rest, right_rest = left_e8 - left_units * E8, right_e8 - right_units * E8
    product = (
        left_units * right_units * E8
        + left_units * right_rest
        + left_rest * right_units
        + tf.truncatediv(left_rest * right_rest, E8)
    )
    # The lines above overflow only far beyond this limit, so the estimate need not be exact.
    estimate = tf.cast(left_e8, tf.float64) * tf.cast(right_e8, tf.float64)
    return tf.where(estimate < 2.0 * E8_MAX * E8, tf.minimum(product, E8_MAX), E8_MAX)


def total_e8(left_e8: Tensor, right_e8: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of products along the last axis, rounded down and rounded up, each only once.

    For a few non-negative counts of 1e-8, as in `product_e8`: int64[…, n] → int64[…]. A sum above
    `E8_MAX` is `E8_MAX`.
    """
    rest = tf.reduce_sum(left_e8 % E8 * (right_e8 % E8) % E8, -1)
    down = tf.reduce_sum(product_e8(left_e8, right_e8), -1) + rest // E8
    up = down + tf.cast(rest % E8 > 0, tf.int64)
    return tf.minimum(down, E8_MAX), tf.minimum(up, E8_MAX)


MILLION = 1_000_000


def share_up_e8(value_e8: Tensor, ppm: Tensor | int) -> Tensor:
    """Return ``ppm`` parts per million of a non-negative value, rounded up; int64[…].

    The value is split at the million, because its plain product overflows 64 bits at a fee of
    8500 ppm on ten million units. Exact for every value while ``ppm`` is at most a million.
    """
    return value_e8 // MILLION * ppm + (value_e8 % MILLION * ppm + MILLION - 1) // MILLION


def before_share_e8(total_e8: Tensor, ppm: Tensor | int) -> Tensor:
    """Return the largest value that, with ``ppm`` parts per million added, is within the total.

    Exact for every non-negative total, which is split as in `share_up_e8`; int64[…].
    """
    whole = MILLION + ppm
    return total_e8 // whole * MILLION + total_e8 % whole * MILLION // whole


def quotient_e8(value_e8: Tensor, price_e8: Tensor) -> Tensor:
    """Return the volume that an amount of money buys at a price, rounded down; int64[…].

    The division is in float64 (IEEE 754: correctly rounded, equal on every machine). The result may
    be below the exact quotient by one part in 2**49, but is never above it. At most `E8_MAX`.
    """
    price = tf.cast(tf.maximum(price_e8, 1), tf.float64)
    exact = tf.cast(value_e8, tf.float64) / price * (1.0 - 2.0**-50)
    return tf.minimum(tf.cast(tf.floor(tf.minimum(exact * E8, 2.0 * E8_MAX)), tf.int64), E8_MAX)
