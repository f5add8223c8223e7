"""TensorFlow and Keras, loaded under the recipe of `engine.arithmetic`; the only import of them.

Raises:
    NoExecutor: when it is imported, if they are not installed.
"""

import os
import sys

from engine.arithmetic import ENVIRONMENT
from engine.errors import NoExecutor

if "tensorflow" in sys.modules:
    raise ImportError("tensorflow was imported before engine.arithmetic could set it up")

os.environ.update(ENVIRONMENT)
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # hides its start-up messages

try:
    import keras
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops
except ModuleNotFoundError as error:
    raise NoExecutor(
        f"TensorFlow is needed here and cannot be loaded: {error.name} is not installed",
        hint="Install trader again, with all that it needs.",
    ) from error

tf.config.set_visible_devices([], "GPU")
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

__all__ = ["gen_xla_ops", "keras", "tf"]
