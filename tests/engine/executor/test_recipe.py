"""The recipe of the step's code: whatever changes the code changes its key."""

from dataclasses import replace
from pathlib import Path

from engine.executor import recipe
from engine.executor.recipe import PINNED, key_of, recipe_of
from tests.support.markets import SMALL

ROOT = Path(__file__).parents[3]


def test_every_part_of_it_changes_the_key() -> None:
    whole = recipe_of(SMALL.shape)
    keys = {key_of({**whole, name: "another"}) for name in whole} | {key_of(whole)}

    assert len(keys) == len(whole) + 1
    assert set(whole) == {"step", "shape", "tensorflow", "environment"}


def test_only_what_shapes_the_step_is_part_of_it() -> None:
    assert recipe_of(replace(SMALL, seed=99, fee_ppm=7).shape) == recipe_of(SMALL.shape)
    assert recipe_of(replace(SMALL, fresh_rows=5).shape) != recipe_of(SMALL.shape)


def test_the_pinned_build_is_the_one_that_is_asked_for() -> None:
    """It is assumed where TensorFlow is not installed, so it has to be the right one."""
    name, version = PINNED.split()

    assert f'"{name}=={version};' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert recipe.build().split()[1] == version
