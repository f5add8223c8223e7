"""Every setting as it holds, and which of the places chose it."""

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
    """The settings in the order of the file, and what is said of them at the end."""

    settings: tuple[SettingSaid, ...]
    summary: Configured


def configuration(home: Path, assignments: list[str] | None, name: str | None) -> Configuration:
    """Return what holds in a home; with a journal's name, next to what that keeps for ever.

    Raises:
        ConfigurationError: if the file, the environment or an assignment does not hold.
        NoJournal: if there is no such journal.
    """
    chosen = choices(home, assignments)
    kept: dict[str, object] | None = None
    if name is not None:
        place = layout.find(home, name)
        kept = dict(rules_of(Reader.open(place.log), place).values)
    return Configuration(
        settings=tuple(_said(each, chosen.get(each.key), kept) for each in KNOWN),
        summary=Configured(settings=len(KNOWN), chosen=tuple(sorted(chosen))),
    )


def initialise(home: Path, *, force: bool) -> Initialised:
    """Write a configuration that states every setting; ``force`` replaces one that is there.

    Raises:
        ConfigurationError: if there is one already.
        OutputFailed: if the disk refuses it.
    """
    path = home / FILE
    if path.exists() and not force:
        problem = f"{path} is there already and was not touched"
        raise ConfigurationError(problem, hint="trader init --force replaces it.")
    outputs.write_text(path, to_toml(), force=force)
    return Initialised(configuration=str(path))


def _said(setting: Setting, choice: Choice | None, kept: dict[str, object] | None) -> SettingSaid:
    said: dict[str, Any] = {
        "key": setting.key,
        "value": setting.default if choice is None else choice.value,
        "origin": DEFAULT if choice is None else choice.origin,
        "default": setting.default,
        "low": setting.low,
        "high": setting.high,
        "text": setting.text,
    }
    if not kept:
        return SettingSaid(**said)
    value: Any = kept.get(setting.name) if setting.section == "engine" else None
    return KeptSettingSaid(**said, journal=value)
