"""Draws that depend on (seed, stream, offset) and on nothing else (I9).

The generator is Philox, counter-based (Salmon et al., "Parallel random numbers: as easy as
1, 2, 3", SC 2011), so a draw needs no state: the same offset draws the same numbers whether it is
reached first, after a restart, or alone.
"""

from engine.arithmetic import Tensor, tf

REPLAY = 1
"""The stream that picks remembered samples."""


def integers(count: int, below: Tensor, *, seed: int, stream: int, offset: Tensor) -> Tensor:
    """Return ``count`` integers of 0 … ``below`` - 1, as int64[count].

    ``below`` is a scalar int64 tensor of at least 1; it must be far below 2**62 for the remainder
    to be as good as uniform.
    """
    key = tf.stack([tf.constant(seed * 2**16 + stream, tf.int64), offset])
    bits = tf.random.stateless_uniform(
        (count,), seed=key, minval=0, maxval=2**62, dtype=tf.int64, alg="philox"
    )
    return tf.math.floormod(bits, below)
