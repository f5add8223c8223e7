"""Survey of a file before it is imported.

A file is read twice: once to check that it can be read to its end and how its columns are
interpreted, and once for its records. It must not change in between.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from blake3 import blake3

from eventlog.body import int64s
from eventlog.fastpath import compute
from feeds.errors import TableUnreadable
from feeds.files import recordings, tables
from feeds.files.layout import Layout
from feeds.files.lines import Identity, check_unpacks, identity, opened, reading
from feeds.files.recordings import is_recording
from feeds.files.rows import is_parquet
from feeds.files.tables import Reading, is_table
from feeds.files.times import units_text
from feeds.venue import BTC_MARKETS

KINDS = (
    ".csv or .tsv (plain, .gz, .bz2 or .zst), .parquet or .pq for tables,"
    " .jsonl (plain, .gz, .bz2 or .zst) for recorded frames"
)

_BLOCK_BYTES = 1 << 20
_BACKWARDS_MIN = 0.9
_BACKWARDS_STEPS_MIN = 3
"""The share of steps backwards in time, and their number, from which a file is newest first."""


@dataclass(slots=True)
class Survey:
    """The content of one file."""

    path: Path
    kind: str
    """``table`` or ``recording``."""

    market: str
    layout: Layout
    columns: dict[str, str]
    """Column of `COLUMNS` → its name in the table."""

    identity: Identity
    digest: str = ""
    records: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    units: dict[str, Counter[str]] = field(default_factory=dict)
    first_ns: int = 0
    """Time of the first record in the file that has one; 0 before the file was read."""

    earliest_ns: int = 0
    latest_ns: int = 0
    venue: str = BTC_MARKETS
    """Whose frames a recording has."""

    later: int = 0
    """Number of steps forward in time from one record to the next."""

    earlier: int = 0
    """Number of steps backwards in time."""

    @property
    def rows(self) -> int:
        """Number of rows, lines or frames read."""
        return self.records + sum(self.left_out.values())

    @property
    def understood(self) -> int:
        """Number of records that are not `Undecodable`."""
        return self.records - self.kinds["undecodable"]

    @property
    def is_newest_first(self) -> bool:
        """Whether the file is sorted newest first."""
        steps = self.earlier + self.later
        return self.earlier >= _BACKWARDS_STEPS_MIN and self.earlier >= _BACKWARDS_MIN * steps

    def readings(self) -> Iterator[Reading]:
        """Yield the file's records.

        Raises:
            TableUnreadable: if it was changed since it was surveyed, or cannot be read any more.
        """
        self._check_unchanged()
        if self.kind == "recording":
            yield from recordings.readings(
                self.path, self.market, self.layout, self.first_ns, of=self.venue
            )
        else:
            yield from tables.readings(self.path, self.layout, self.first_ns)
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        if identity(self.path) != self.identity:
            raise TableUnreadable(path=self.path, why="it was changed while it was read")

    def __str__(self) -> str:
        """Return the interpretation of the file in one line."""
        columns = [
            f"{name} is {called!r}" if name != called else name
            for name, called in self._named_columns()
        ]
        counts = ", ".join(
            f"{count:,} {kind if kind == 'undecodable' else kind + 's'}"
            for kind, count in sorted(self.kinds.items())
        )
        return f"{self.path}: a {self.kind} of {self.rows:,} rows ({counts}); {', '.join(columns)}"

    def _named_columns(self) -> Iterator[tuple[str, str]]:
        for column, called in (self.columns or {"at": "at"}).items():
            units = units_text(self.units.get(column, {}))
            yield column + (f" in {units}" if units else ""), called


def begun(path: Path, market: str, layout: Layout, *, venue: str = BTC_MARKETS) -> Survey:
    """Return a survey without reading the file: it exists, and its kind and columns are known.

    ``venue`` is the one whose frames a recording has.

    Raises:
        TableUnreadable: if not.
    """
    if not (is_recording(path) or is_table(path)):
        raise TableUnreadable(path=path, why=f"by its name it is none of {KINDS}")
    found = identity(path)
    with opened(path):
        pass
    if is_recording(path):
        return Survey(path, "recording", market, layout, {}, found, venue=venue)
    return Survey(
        path, "table", market, layout, tables.columns_of(path, layout), found, venue=venue
    )


def completed(survey: Survey, advance: Callable[[int], None] = lambda _: None) -> Survey:
    """Read a file to its end; return the complete survey.

    ``advance`` is called with the number of rows read since the last call.

    Raises:
        TableUnreadable: if it cannot be read to its end, or no record of it can be decoded.
    """
    if not is_parquet(survey.path):
        check_unpacks(survey.path)
    survey.digest = _digest(survey.path)
    last_ns, why = 0, ""
    for part in survey.readings():
        last_ns = _add(survey, part, last_ns)
        advance(part.batch.num_rows + sum(part.left_out.values()))
        if part.refused and not why:
            why = next(each for each in part.batch.column("why").to_pylist() if each)
    if not survey.records:
        raise TableUnreadable(path=survey.path, why="it has no rows")
    if not survey.understood:
        why = f"none of its {survey.records:,} rows can be understood: {why}"
        raise TableUnreadable(path=survey.path, why=why)
    if survey.is_newest_first:
        why = "its rows run from the newest to the oldest: reverse it first (tac, or sort it)"
        raise TableUnreadable(path=survey.path, why=why)
    return survey


def _add(survey: Survey, part: Reading, last_ns: int) -> int:
    """Add some rows; return the time of the last record that has one."""
    survey.records += part.batch.num_rows
    survey.refused.update(part.refused)
    survey.noted.update(part.noted)
    survey.left_out.update(part.left_out)
    for column, units in part.units.items():
        survey.units.setdefault(column, Counter()).update(units)
    counts = part.batch.column("kind").value_counts().to_pylist()
    survey.kinds.update({each["values"]: each["counts"] for each in counts})
    if not survey.first_ns:  # until a time is known, records have none
        received_ns = int64s(part.batch.column("received_ns"))
        survey.first_ns = int(received_ns[np.argmax(received_ns > 0)]) if len(received_ns) else 0
    dated = compute.where(part.batch, compute.is_valid(part.batch.column("exchange_ns")))
    times_ns = int64s(dated.column("exchange_ns"))
    if not len(times_ns):
        return last_ns
    earliest_ns, latest_ns = int(times_ns.min()), int(times_ns.max())
    survey.earliest_ns = min(survey.earliest_ns or earliest_ns, earliest_ns)
    survey.latest_ns = max(survey.latest_ns, latest_ns)
    steps = np.diff(times_ns, prepend=last_ns or times_ns[0])
    survey.later += int(np.sum(steps > 0))
    survey.earlier += int(np.sum(steps < 0))
    return int(times_ns[-1])


def _digest(path: Path) -> str:
    """Return the digest of a file's bytes; the file may change meanwhile."""
    digest = blake3()
    with opened(path) as file, reading(path):
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest(16)
