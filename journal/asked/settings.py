"""Settings from the file, the environment and the flags; only this module reads the environment.

``--set`` takes precedence over the environment, the environment over ``HOME/trader.toml``, and the
file over the default. An unknown name is an error with a suggestion, never ignored.

====================  ==============================  ==========================
in ``trader.toml``    in the environment              with ``--set``
====================  ==============================  ==========================
``[engine] fee_ppm``  ``TRADER_ENGINE_FEE_PPM``       ``fee_ppm``
``[log] segment_mib`` ``TRADER_LOG_SEGMENT_MIB``      ``log.segment_mib``
====================  ==============================  ==========================

`KNOWN` lists all settings: the engine's parameters, the log's settings, the limits of health, and
who runs the step.
"""

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from engine.errors import ParameterError
from engine.executor.choice import Choice as Executor
from engine.parameters import Parameters, parameters_from
from journal.errors import ConfigurationError

FILE = "trader.toml"
SECTIONS = ("engine", "log", "health", "step")
DEFAULT = "default"
_COLUMNS_MOST = 10_000
_FILE_BYTES_MOST = 1 << 18
_SHOWN_CHARACTERS = 60
_KEYS = re.compile(r"secret|api_?key|private|passw|passphrase", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; its unit is in its name or its text."""

    section: str
    name: str
    default: int | float | str
    low: float | None
    high: float | None
    text: str
    words: tuple[str, ...] = ()
    """Its possible values, if it is a word and not a number."""

    @property
    def key(self) -> str:
        """The name with its section, as in ``log.segment_mib``."""
        return f"{self.section}.{self.name}"


KNOWN: tuple[Setting, ...] = (
    *(
        Setting(
            "engine",
            spec.name,
            getattr(Parameters(), spec.name),
            spec.metadata["low"],
            spec.metadata["high"],
            spec.metadata["text"],
        )
        for spec in fields(Parameters)
    ),
    Setting("log", "segment_mib", 64, 1, 1_024, "room in a new segment of the log, in MiB"),
    Setting(
        *("log", "min_free_mib", 1_024, 0, 1 << 30),
        "room on the disk, in MiB, below which a session ends while it still can end cleanly",
    ),
    Setting(
        *("health", "max_memory_mib", 4_096, 0, 1 << 20),
        "memory, in MiB, above which a session ends cleanly before the system ends it; 0: no limit",
    ),
    Setting(
        *("step", "executor", Executor.AUTO.value, None, None),
        "who runs the compiled step: its machine code alone (native), TensorFlow, or whichever can",
        tuple(Executor),
    ),
)
_BY_KEY = {setting.key: setting for setting in KNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value that was chosen, and its origin."""

    value: object
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings: of the engine only the chosen ones, by name; of the rest all, with defaults."""

    engine: dict[str, object] = field(default_factory=dict)
    segment_bytes: int
    max_memory_bytes: int
    """Memory above which a session halts; 0: no limit."""
    min_free_bytes: int
    """Free disk space below which a session halts, while it still can end cleanly."""
    executor: Executor = Executor.AUTO
    """Who runs the compiled step."""


def settings(home: Path, assignments: list[str] | None) -> Settings:
    """Return the settings of a home, with ``assignments`` of ``--set``.

    Raises:
        ConfigurationError: if the file is not TOML, has an unknown section, or if a name looks like
            the key of an account.
        ParameterError: if an assignment is not ``name=value``, or a setting is unknown or invalid.
    """
    chosen = choices(home, assignments)

    def mib(key: str) -> int:
        choice = chosen.get(key)
        value = _BY_KEY[key].default if choice is None else choice.value
        assert isinstance(value, int), "checked"
        return value << 20

    return Settings(
        engine={
            _BY_KEY[key].name: choice.value
            for key, choice in chosen.items()
            if _BY_KEY[key].section == "engine"
        },
        segment_bytes=mib("log.segment_mib"),
        max_memory_bytes=mib("health.max_memory_mib"),
        min_free_bytes=mib("log.min_free_mib"),
        executor=Executor(
            str(chosen["step.executor"].value) if "step.executor" in chosen else Executor.AUTO
        ),
    )


def choices(home: Path, assignments: list[str] | None) -> dict[str, Choice]:
    """Return the chosen values with their origins, by ``section.name``.

    Raises:
        CommandError: as `settings`.
        ParameterError: as `settings`.
    """
    chosen: dict[str, Choice] = {}
    for source in (
        _from_file(home / FILE),
        _from_environment(),
        _from_flags(assignments or []),
    ):
        for key, choice in source.items():
            _check(key, choice)
        chosen.update(source)
    # All together, since some bound each other; and before anything is loaded or connected.
    parameters_from(
        {_BY_KEY[key].name: choice.value for key, choice in chosen.items() if _is_engine(key)}
    )
    return chosen


def check_kept(chosen: Mapping[str, object], kept: Parameters) -> None:
    """Refuse chosen engine parameters that differ from those of a journal.

    Raises:
        ParameterError: if one of them differs.
    """
    for name, value in chosen.items():
        if getattr(parameters_from({name: value}), name) != getattr(kept, name):
            raise ParameterError(
                name,
                f"is {getattr(kept, name)} in this journal, for ever; chosen was {value}",
                hint="Record into another home, or fork: trader replay --set … --out DIR",
            )


def _is_engine(key: str) -> bool:
    return _BY_KEY[key].section == "engine"


def _check(key: str, choice: Choice) -> None:
    """Refuse an unknown setting, and a value that is not valid for a known one."""
    setting = _BY_KEY.get(key)
    if setting is None:
        if _KEYS.search(key):
            raise ConfigurationError(
                f"{choice.origin}: {key} looks like the key of an account",
                hint="This program cannot trade and must not hold keys: remove it.",
            )
        section, _, name = key.partition(".")
        near = difflib.get_close_matches(name, [each.name for each in KNOWN], n=1)
        meant = [each.key for each in KNOWN if near and each.name == near[0]]
        known = [each.name for each in KNOWN if each.section == section]
        hint = f"Known: {', '.join(known)}." if known else f"Sections: {', '.join(SECTIONS)}."
        if meant:
            hint = f"Did you mean {meant[0].removeprefix('engine.')}?"
        raise ParameterError(key, f"is not a setting ({choice.origin})", hint=hint)
    if setting.words:
        _check_word(setting, choice)
        return
    assert setting.low is not None, "a number has a range"
    assert setting.high is not None, "a number has a range"
    value, whole = choice.value, isinstance(setting.default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        word = "whole number" if whole else "number"
        raise ParameterError(key, f"{_shown(value)} is not a {word} ({choice.origin})")
    if not setting.low <= value <= setting.high:
        problem = f"{_shown(value)} is outside {setting.low} … {setting.high} ({choice.origin})"
        raise ParameterError(key, problem)


def _check_word(setting: Setting, choice: Choice) -> None:
    if choice.value not in setting.words:
        near = difflib.get_close_matches(str(choice.value)[:_SHOWN_CHARACTERS], setting.words, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(setting.words)}."
        problem = f"{_shown(choice.value)} is none of its words ({choice.origin})"
        raise ParameterError(setting.key, problem, hint=hint)


def _shown(value: object) -> str:
    """Return a value as text for a message, shortened if it is long.

    >>> _shown(3), _shown("x" * 100)
    ('3', "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…")
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # more digits, or lists in lists, than Python writes
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _from_file(path: Path) -> dict[str, Choice]:
    raw = _read(path)
    if raw is None:
        return {}
    try:
        text = raw.decode("utf-8-sig")
        content = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigurationError(f"{path}: nested too deeply") from error
    except ValueError as error:  # no TOML, no UTF-8, or a number or date that there is not
        raise ConfigurationError(f"{path}: {error}") from error
    found: dict[str, Choice] = {}
    lines = _lines(text)
    for section, values in content.items():
        if isinstance(values, dict):
            for name, value in values.items():
                number = lines.get((section, name))
                origin = str(path) if number is None else f"{path}:{number}"
                found[f"{section}.{name}"] = Choice(value=value, origin=origin)
        if not isinstance(values, dict) or section not in SECTIONS:
            for key, choice in found.items():
                if _KEYS.search(key):
                    _check(key, choice)
            hint = f"Known: {', '.join(f'[{known}]' for known in SECTIONS)}."
            raise ConfigurationError(f"{path}: {section} is not a section", hint=hint)
    return found


def _read(path: Path) -> bytes | None:
    """Return a file's bytes without blocking; ``None`` if there is no such file.

    Raises:
        ConfigurationError: if it is not a regular file, is too large, or cannot be read.
    """
    hint = f"{FILE} is a text file, which trader init writes."
    try:
        # Opening a pipe without a writer would block otherwise.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"{path}: not a file", hint=hint)
            raw = file.read(_FILE_BYTES_MOST + 1)
    except FileNotFoundError as error:
        if path.is_symlink():
            problem = f"{path}: a link to a file that is not there"
            raise ConfigurationError(problem, hint=hint) from error
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint=hint) from error
    if len(raw) > _FILE_BYTES_MOST:
        problem = f"{path}: more than {_FILE_BYTES_MOST >> 10:,} KiB"
        raise ConfigurationError(problem, hint=hint)
    return raw


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Return the line number of each (section, name) that a simple search finds."""
    numbers: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if head := re.match(r"\s*\[([\w-]+)\]", line):
            section = head[1]
        elif setting := re.match(r"\s*([\"']?)([\w-]+)\1\s*=", line):
            numbers.setdefault((section, setting[2]), number)
    return numbers


def _from_environment() -> dict[str, Choice]:
    found: dict[str, Choice] = {}
    for variable, text in sorted(os.environ.items()):
        for section in SECTIONS:
            prefix = f"TRADER_{section.upper()}_"
            if variable.startswith(prefix):
                key = f"{section}.{variable.removeprefix(prefix).lower()}"
                found[key] = Choice(value=_number(text), origin=variable)
    return found


def _from_flags(assignments: list[str]) -> dict[str, Choice]:
    found: dict[str, Choice] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ParameterError(assignment, "is not name=value", hint="For example: fee_ppm=2000")
        section, dot, key = name.strip().partition(".")
        if not dot:
            section, key = "engine", section
        found[f"{section}.{key}"] = Choice(value=_number(text), origin="--set")
    return found


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def to_toml() -> str:
    """Return a configuration file that lists every setting, and sets none."""
    lines = [
        "# Settings of this home. Every line that begins with # states a default: remove the #",
        "# to choose another value. The environment (TRADER_ENGINE_FEE_PPM=2000) and --set",
        "# (fee_ppm=2000) win over this file; trader config shows what holds, and from where.",
        "#",
        "# A journal keeps the [engine] parameters of its first session for ever: its decisions",
        "# follow from them. Other values need another home, or a fork:",
        "# trader replay --set fee_ppm=2000 --out DIR",
    ]
    for section in SECTIONS:
        lines += ["", f"[{section}]"]
        for setting in KNOWN:
            if setting.section == section:
                default = f'"{setting.default}"' if setting.words else setting.default
                lines += [
                    f"# {setting.text}",
                    f"# {range_of(setting)}",
                    f"# {setting.name} = {default}",
                    "",
                ]
        lines.pop()
    return "\n".join(lines) + "\n"


def range_of(setting: Setting) -> str:
    """Return, in words, the possible values of a setting."""
    if setting.low is None or setting.high is None:
        return f"one of {', '.join(setting.words)}"
    return f"range {_plain(setting.low)} to {_plain(setting.high)}"


def _plain(value: float) -> str:
    """Return a bound as people write it."""
    return f"{value:_}" if isinstance(value, int) else f"{value:g}"


def manager() -> tuple[str | None, str | None]:
    """Return a service manager's socket, and how long its watchdog waits, in microseconds.

    Both as the environment has them, or ``None``; the watchdog of another process is ignored.
    """
    pid = os.environ.get("WATCHDOG_PID", "")
    is_ours = not pid or pid == str(os.getpid())
    return os.environ.get("NOTIFY_SOCKET"), os.environ.get("WATCHDOG_USEC") if is_ours else None


def tidy_environment() -> None:
    """Remove invalid sizes of a terminal from the environment: libraries trust them."""
    for variable in ("COLUMNS", "LINES", "TERMINAL_WIDTH"):
        text = os.environ.get(variable, "")
        if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= _COLUMNS_MOST):
            os.environ.pop(variable, None)
