"""Where journals lie: the directories of a home, and how a journal is found in one.

::

    HOME/trader.toml                 settings, optional
    HOME/BTC-AUD/log                 one journal: what was received and decided …
    HOME/BTC-AUD/checkpoints         … and states of the engine
    HOME/BTC-AUD.simulated           the journal of the stand-in exchange's market of that name
    HOME/BTC-AUD.imported            the journal of recorded files of that market
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

from eventlog.printable import printable
from journal.asked.names import check_journal, is_journal
from journal.errors import NoJournal, UsageError

SIMULATED = ".simulated"


IMPORTED = ".imported"


_LOOKED_INTO = 100


@dataclass(frozen=True, slots=True)
class JournalPath:
    """Where a journal lies: its home and its name.

    Raises:
        UsageError: if the name is not a valid journal name.
    """

    home: Path
    name: str

    def __post_init__(self) -> None:
        check_journal(self.name)

    @property
    def log(self) -> Path:
        """The directory of the log."""
        return self.home / self.name / "log"

    @property
    def checkpoints(self) -> Path:
        """The directory of the checkpoints."""
        return self.home / self.name / "checkpoints"


def names(home: Path) -> list[str]:
    """Return the names of the journals of a home, in order."""
    return sorted(
        path.parent.name
        for path in home.glob("*/log")
        if path.is_dir() and is_journal(path.parent.name)
    )


def find(home: Path, name: str | None) -> JournalPath:
    """Return the journal of that name; without a name, the only journal of the home.

    Raises:
        CommandError: (10) if there is none, (2) if there are several and none was named.
    """
    journals = names(home)
    if name is not None and name in journals:
        return JournalPath(home, name)
    if name is not None:
        problem = f"{home} has no journal {printable(name, 80)}"
        raise NoJournal(problem, hint=_hint(home, name, journals))
    if not journals:
        hint = _hint(home, None, journals)
        raise NoJournal(f"{home} has no journal", hint=hint)
    if len(journals) > 1:
        hint = f"Choose with --journal: {', '.join(journals)}."
        raise UsageError(f"{home} has several journals", hint=hint)
    return JournalPath(home, journals[0])


def at(path: Path, name: str | None) -> JournalPath:
    """Return the journal that a path names: its own directory, or a home with that journal.

    Raises:
        NoJournal: if there is none.
        UsageError: if there are several and none was named.
    """
    if (path / "log").is_dir():
        return JournalPath(path.parent, path.name)
    if not path.exists():
        raise NoJournal(f"{path}: no such home or journal")
    return find(path, name)


def _hint(home: Path, name: str | None, journals: list[str]) -> str:
    """Return which options would name a journal, as far as nearby directories show."""
    if (home / "log").is_dir() and is_journal(home.name):
        return f"It is a journal itself: --home {home.parent} --journal {home.name}"
    if name is not None:
        near = difflib.get_close_matches(name.upper(), [each.upper() for each in journals], n=1)
        meant = [each for each in journals if near and each.upper() == near[0]]
        if meant:
            return f"Did you mean --journal {meant[0]}?"
        for other in (Path(name), home / name):
            if is_journal(name) and names(other):
                return f"{other} is a home of journals: --home {other}"
    if journals:
        return f"There is: {', '.join(journals)}."
    homes = [each for each in _subdirectories(home) if names(each)]
    if homes:
        return f"Did you mean --home {homes[0]}?"
    return "Start one: trader live --simulated, or name its home: --home DIR"


def _subdirectories(path: Path) -> list[Path]:
    try:
        return sorted(each for each in path.iterdir() if each.is_dir())[:_LOOKED_INTO]
    except OSError:
        return []
