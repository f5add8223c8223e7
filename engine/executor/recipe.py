"""What the step's machine code was made of: equal recipes give code of equal results.

A recipe is known without tracing the step, so it is also the key by which code is found.
"""

import json
from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from engine.arithmetic import ENVIRONMENT
from engine.identity import step_identity
from engine.parameters import Shape

PINNED = "tensorflow-cpu 2.21.0"
"""The build of TensorFlow that this version asks for; it is assumed where none is installed."""

_BUILDS = ("tensorflow-cpu", "tensorflow")


def recipe_of(shape: Shape) -> dict[str, Any]:
    """Return the recipe of the code for a shape here, but for the processor."""
    return {
        "step": step_identity(),
        "shape": asdict(shape),
        "tensorflow": build(),
        "environment": ENVIRONMENT,
    }


def key_of(recipe: dict[str, Any]) -> str:
    """Return the key of a recipe, 32 hexadecimal digits."""
    return blake2b(json.dumps(recipe, sort_keys=True).encode(), digest_size=16).hexdigest()


@cache
def build() -> str:
    """Return the name and version of the build of TensorFlow that is installed."""
    for name in _BUILDS:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return PINNED
