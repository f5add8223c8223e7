"""File, environment and flags → parameters; the only place that reads the environment.

The nearer wins: ``--set`` over ``TRADER_ENGINE_<NAME>`` over ``[engine]`` in ``HOME/trader.toml``
over the default. An unknown name is an error with a suggestion, never ignored.
"""

import os
import tomllib
from pathlib import Path

from cli.exits import CommandError, Exit
from engine.errors import ParameterError

FILE = "trader.toml"
_PREFIX = "TRADER_ENGINE_"


def engine_values(home: Path, assignments: list[str] | None) -> dict[str, object]:
    """Return the engine parameters that were chosen, by name; the others keep their defaults.

    Raises:
        CommandError: (3) if the file cannot be read as TOML or has a section that is none.
        ParameterError: if an assignment is not ``name=value``.
    """
    values = _from_file(home / FILE)
    for variable, text in sorted(os.environ.items()):
        if variable.startswith(_PREFIX):
            values[variable.removeprefix(_PREFIX).lower()] = _number(text)
    for assignment in assignments or []:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ParameterError(assignment, "is not name=value", hint="For example: fee_ppm=2000")
        values[name.strip()] = _number(text)
    return values


def _from_file(path: Path) -> dict[str, object]:
    if not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(Exit.CONFIGURATION, f"{path}: {error}") from error
    unknown = sorted(set(content) - {"engine"})
    if unknown:
        problem = f"{path}: [{unknown[0]}] is not a section"
        raise CommandError(Exit.CONFIGURATION, problem, hint="Known: [engine].")
    return dict(content.get("engine", {}))


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
