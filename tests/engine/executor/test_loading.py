"""TensorFlow as it was loaded: late, under the recipe, or refused in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

from engine.arithmetic import ENVIRONMENT, keras, tf

ROOT = Path(__file__).parents[3]


def ran(code: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", code]
    return subprocess.run(line, cwd=ROOT, check=False, capture_output=True, text=True)


def test_the_recipe_is_in_force() -> None:
    """What TensorFlow read when it loaded, one thread, no accelerator, Keras on TensorFlow."""
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.get_visible_devices("GPU") == []
    assert keras.backend.backend() == "tensorflow"
    assert {name: os.environ[name] for name in ENVIRONMENT} == ENVIRONMENT


def test_nobody_loads_tensorflow_first() -> None:
    """Its flags are read once: importing it before its set-up is refused, not ignored."""
    first = "import sys, types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"
    asked = "from engine.arithmetic import tf\n"
    refused = "except ImportError as error: sys.exit('set it up' in str(error) and 7)"

    for code in (f"{first}try: {asked}{refused}", f"{asked}{first}try: tf.constant\n{refused}"):
        assert ran(code).returncode == 7


def test_where_it_is_not_installed_one_sentence_says_so() -> None:
    code = (
        "import sys; sys.modules['keras'] = None\n"
        "from engine.arithmetic import tf\n"
        "from engine.errors import NoExecutor\n"
        "try: tf.constant\n"
        "except NoExecutor as error: print(error)"
    )

    assert ran(code).stdout == (
        "TensorFlow is needed here and cannot be loaded: keras is not installed\n"
    )
