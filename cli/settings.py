"""File, environment and flags → settings; the only place that reads the environment.

The nearer wins: ``--set`` over the environment over ``HOME/trader.toml`` over the default. An
unknown name is an error with a suggestion, never ignored.

====================  ==============================  ==========================
in ``trader.toml``    in the environment              with ``--set``
====================  ==============================  ==========================
``[engine] fee_ppm``  ``TRADER_ENGINE_FEE_PPM``       ``fee_ppm``
``[log] segment_mib`` ``TRADER_LOG_SEGMENT_MIB``      ``log.segment_mib``
====================  ==============================  ==========================

The log's settings are ``segment_mib``, the room in a new segment, and ``min_free_mib``, the room on
the disk below which a session ends.
"""

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from cli.exits import CommandError, Exit
from engine.errors import ParameterError
from engine.parameters import parameters_from

FILE = "trader.toml"
SECTIONS = ("engine", "log")
_LOG_RANGES = {"segment_mib": (64, 1, 1_024), "min_free_mib": (1_024, 0, 1 << 30)}
"""The log's settings: default, least, most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was chosen: engine parameters by name (the others keep their defaults), and the log."""

    engine: dict[str, object] = field(default_factory=dict)
    segment_bytes: int
    min_free_bytes: int
    """Room on the disk below which a session halts, while it still can end cleanly."""


def settings(home: Path, assignments: list[str] | None) -> Settings:
    """Return what the file, the environment and the flags choose.

    Raises:
        CommandError: (3) if the file cannot be read as TOML or has a section that is none.
        ParameterError: if an assignment is not ``name=value``, or a setting is not one.
    """
    chosen = _from_file(home / FILE)
    for variable, text in sorted(os.environ.items()):
        for section in SECTIONS:
            prefix = f"TRADER_{section.upper()}_"
            if variable.startswith(prefix):
                chosen[section][variable.removeprefix(prefix).lower()] = _number(text)
    for assignment in assignments or []:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ParameterError(assignment, "is not name=value", hint="For example: fee_ppm=2000")
        section, dot, key = name.strip().partition(".")
        if not dot:
            section, key = "engine", section
        if section not in chosen:
            raise ParameterError(name, "is not a setting", hint=f"Sections: {', '.join(SECTIONS)}.")
        chosen[section][key] = _number(text)
    parameters_from(chosen["engine"])  # here, and not when the exchange waits for us
    log = {name: _mib(chosen["log"], name) for name in _LOG_RANGES}
    for name in chosen["log"]:
        if name not in log:
            raise ParameterError(
                f"log.{name}", "is not a setting", hint=f"Known: {', '.join(log)}."
            )
    return Settings(
        engine=chosen["engine"],
        segment_bytes=log["segment_mib"],
        min_free_bytes=log["min_free_mib"],
    )


def _mib(chosen: dict[str, object], name: str) -> int:
    default, least, most = _LOG_RANGES[name]
    value = chosen.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ParameterError(f"log.{name}", f"{value!r} is not within {least} … {most}")
    return value << 20


def _from_file(path: Path) -> dict[str, dict[str, object]]:
    chosen: dict[str, dict[str, object]] = {section: {} for section in SECTIONS}
    if not path.exists():
        return chosen
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(Exit.CONFIGURATION, f"{path}: {error}") from error
    for section, values in content.items():
        if section not in chosen or not isinstance(values, dict):
            hint = f"Known: {', '.join(f'[{known}]' for known in SECTIONS)}."
            raise CommandError(Exit.CONFIGURATION, f"{path}: {section} is not a section", hint=hint)
        chosen[section] = dict(values)
    return chosen


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
