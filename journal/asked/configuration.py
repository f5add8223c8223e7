"""Every setting with its value and its origin; writes the configuration file of a home."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventlog.reader import Reader
from journal import layout, outputs
from journal.asked.settings import DEFAULT, FILE, KNOWN, Choice, Setting, choices, to_toml
from journal.errors import ConfigurationError
from journal.header import rules_of
from journal.summaries import Configured, Initialised, KeptSettingSaid, SettingSaid


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings in the order of the file, and a summary."""

    settings: tuple[SettingSaid, ...]
    summary: Configured


def configuration(home: Path, assignments: list[str] | None, name: str | None) -> Configuration:
    """Return the settings of a home; with a journal's name, also those that the journal recorded.

    Raises:
        ConfigurationError: if the file, the environment or an assignment is invalid.
        NoJournal: if there is no such journal.
    """
    chosen = choices(home, assignments)
    recorded: dict[str, object] | None = None
    if name is not None:
        place = layout.find(home, name)
        recorded = dict(rules_of(Reader.open(place.log), place).values)
    return Configuration(
        settings=tuple(_message(each, chosen.get(each.key), recorded) for each in KNOWN),
        summary=Configured(settings=len(KNOWN), chosen=tuple(sorted(chosen))),
    )


def initialise(home: Path, *, force: bool) -> Initialised:
    """Write a configuration file that lists every setting; ``force`` replaces an existing one.

    Raises:
        ConfigurationError: if there is one already, without ``force``.
        OutputFailed: if it cannot be written.
    """
    path = home / FILE
    if path.exists() and not force:
        problem = f"{path} is there already and was not touched"
        raise ConfigurationError(problem, hint="trader init --force replaces it.")
    outputs.write_text(path, to_toml(), force=force)
    return Initialised(configuration=str(path))


def _message(
    setting: Setting, choice: Choice | None, recorded: dict[str, object] | None
) -> SettingSaid:
    fields: dict[str, Any] = {
        "key": setting.key,
        "value": setting.default if choice is None else choice.value,
        "origin": DEFAULT if choice is None else choice.origin,
        "default": setting.default,
        "low": setting.low,
        "high": setting.high,
        "text": setting.text,
    }
    if not recorded:
        return SettingSaid(**fields)
    value: Any = recorded.get(setting.name) if setting.section == "engine" else None
    return KeptSettingSaid(**fields, journal=value)
