"""Random draws that depend only on (seed, stream, offset) (I9).

The generator is Philox, counter-based (Salmon et al., "Parallel random numbers: as easy as
1, 2, 3", SC 2011), so a draw needs no state: an offset draws the same numbers in any order, after a
restart, or alone.
"""

from engine.arithmetic import Tensor, tf

REPLAY = 1
"""The stream that draws remembered samples for training."""

ENTRIES = 2
"""The stream that draws when random traders enter."""

CANDIDATES = 3
"""The stream that draws pairs of features (`engine.learner.candidates`)."""

_GOLDEN = 0x9E3779B97F4A7C15


def integers(count: int, below: Tensor, *, seed: Tensor, stream: int, offset: Tensor) -> Tensor:
    """Return ``count`` integers of 0 … ``below`` - 1, as int64[count].

    ``seed`` is int64[]. ``below`` is int64[] and at least 1. It must be far below 2**62: the
    remainder is then uniform for all practical purposes.
    """
    key = tf.stack([seed * 2**16 + stream, offset])
    bits = tf.random.stateless_uniform(
        (count,), seed=key, minval=0, maxval=2**62, dtype=tf.int64, alg="philox"
    )
    return tf.math.floormod(bits, below)


def fractions(count: int, *, seed: Tensor, stream: int, offset: Tensor) -> Tensor:
    """Return ``count`` fractions of 0 … 1 (exclusive), as float64[count].

    A hash of the key and the rank in two rounds of SplitMix64 (Steele, Lea & Flood, "Fast
    splittable pseudorandom number generators", OOPSLA 2014), which costs a tenth of Philox for a
    few draws at every tick.
    """
    place = tf.cast(seed * 2**16 + stream, tf.uint64) * tf.constant(_GOLDEN, tf.uint64)
    key = _mixed(place + tf.cast(offset, tf.uint64))
    ranks = tf.constant([rank * _GOLDEN % 2**64 for rank in range(1, count + 1)], tf.uint64)
    bits = tf.bitwise.right_shift(_mixed(key + ranks), tf.constant(11, tf.uint64))
    return tf.cast(tf.cast(bits, tf.int64), tf.float64) * 2.0**-53


def _mixed(bits: Tensor) -> Tensor:
    """SplitMix64's finaliser: every bit of the result depends on every bit given, uint64[…]."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = tf.bitwise.bitwise_xor(
            bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint64))
        )
        bits = bits * tf.constant(factor, tf.uint64)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(31, tf.uint64)))
