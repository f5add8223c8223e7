"""One market's log and checkpoints under a home, and what its sessions say of themselves.

::

    HOME/trader.toml                 settings, optional
    HOME/BTC-AUD/log                 one journal: what was received and decided …
    HOME/BTC-AUD/checkpoints         … and the states that were kept on the way
    HOME/BTC-AUD.simulated           the journal of the stand-in exchange's market of that name
    HOME/BTC-AUD.imported            the journal of recorded files of that market
"""

import difflib
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from cli.exits import CommandError, Exit
from cli.names import check_journal, is_journal
from engine.errors import ParameterError
from engine.parameters import Parameters, digest_of, parameters_from
from eventlog import compute
from eventlog.log import Log
from eventlog.printable import printable
from eventlog.reader import Reader
from eventlog.records import KINDS, TICK_KINDS, Record, SessionStarted
from eventlog.schema import COLUMNS, NAMES, decode
from feeds.btcmarkets.tape import COMPARED, COMPARED_NS, REMEMBERED_MAX, Tape

SIMULATED = ".simulated"
IMPORTED = ".imported"
UNKNOWN = "unknown"
_PACKAGES = ("trader", "tensorflow", "keras", "numpy", "pyarrow")
_LOOKED_INTO = 100
_BACKWARD_RECORDS = 65_536
_LOOKED_AFTER_TRADES = 200
_NEWEST_RECORDS = 2_100
_RECEIVED = frozenset({*TICK_KINDS, "undecodable", "gap"})
_OF_TRADES = pa.array(["trade", "health"])
_EARLIER_NS = 60 * 10**9
"""How much earlier than REST the stream may have said what a session took."""

_T = TypeVar("_T", bound=Record)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a journal lies: in its home, whatever its name.

    Raises:
        CommandError: (2) if the name cannot be one.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """What the first record of a journal settles for ever."""

    parameters: Parameters
    initial_state: str
    """The digest of the state before the first tick."""

    recorded: tuple[tuple[str, object], ...] = field(default=(), compare=False)
    """The parameters as they were recorded, perhaps by a version that had fewer."""

    @property
    def parameters_digest(self) -> str:
        """The digest of the parameters as they were recorded."""
        return digest_of(dict(self.recorded)) if self.recorded else self.parameters.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """The session before: its number, whether it ended on purpose, and its last record's time."""

    session: int
    ended: bool
    last_received_ns: int


def names(home: Path) -> list[str]:
    """Return the names of the journals of a home, in order."""
    return sorted(
        path.parent.name
        for path in home.glob("*/log")
        if path.is_dir() and is_journal(path.parent.name)
    )


def find(home: Path, name: str | None) -> Place:
    """Return the journal of that name, or the only one there is.

    Raises:
        CommandError: (10) if there is none, (2) if there are several and none was named.
    """
    found = names(home)
    if name is not None and name in found:
        return Place(home, name)
    if name is not None:
        problem = f"{home} has no journal {printable(name, 80)}"
        raise CommandError(Exit.NO_JOURNAL, problem, hint=_where_it_is(home, name, found))
    if not found:
        hint = _where_it_is(home, None, found)
        raise CommandError(Exit.NO_JOURNAL, f"{home} has no journal", hint=hint)
    if len(found) > 1:
        hint = f"Choose with --journal: {', '.join(found)}."
        raise CommandError(Exit.USAGE, f"{home} has several journals", hint=hint)
    return Place(home, found[0])


def _where_it_is(home: Path, name: str | None, found: list[str]) -> str:
    """Return the words that would have named a journal, as far as directories show."""
    if (home / "log").is_dir() and is_journal(home.name):
        return f"It is a journal itself: --home {home.parent} --journal {home.name}"
    if name is not None:
        near = difflib.get_close_matches(name.upper(), [each.upper() for each in found], n=1)
        meant = [each for each in found if near and each.upper() == near[0]]
        if meant:
            return f"Did you mean --journal {meant[0]}?"
        for other in (Path(name), home / name):
            if is_journal(name) and names(other):
                return f"{other} is a home of journals: --home {other}"
    if found:
        return f"There is: {', '.join(found)}."
    homes = [each for each in _subdirectories(home) if names(each)]
    if homes:
        return f"Did you mean --home {homes[0]}?"
    return "Start one: trader live --simulated, or name its home: --home DIR"


def _subdirectories(path: Path) -> list[Path]:
    try:
        return sorted(each for each in path.iterdir() if each.is_dir())[:_LOOKED_INTO]
    except OSError:
        return []


def session_detail(
    genesis: Genesis,
    *,
    arithmetic: str,
    url: str,
    resumed_from: int | None,
    predecessor: Predecessor | None,
    rehearsed: dict[str, object] | None = None,
    source: dict[str, object] | None = None,
    loading_ns: int | None = None,
    ready_ns: int | None = None,
) -> str:
    """Return what a session says at its start: all that is needed to replay it, as JSON.

    ``source`` is what an import reads its records from. A session that receives says when it began
    to load and when it was ready.
    """
    return json.dumps(
        {
            "parameters": asdict(genesis.parameters),
            "initial_state": genesis.initial_state,
            "arithmetic": arithmetic,
            "url": url,
            "resumed_from": resumed_from,
            "predecessor": None if predecessor is None else asdict(predecessor),
            "rehearsed": rehearsed,
            **({} if source is None else {"source": source}),
            **({} if ready_ns is None else {"loading_ns": loading_ns, "ready_ns": ready_ns}),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "versions": versions(),
        },
        sort_keys=True,
    )


def versions() -> dict[str, str]:
    """Return the versions of what decides about bits, by package; `UNKNOWN` where it is missing."""
    return {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    from importlib import metadata  # which takes a moment, and few commands ask

    for name in (package, f"{package}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return UNKNOWN


def genesis_of(log: Log | Reader, place: Place) -> Genesis:
    """Return what the first record of a log settles.

    Raises:
        CommandError: (5) if the first record is not the start of a session; (12) if its parameters
            are not those of this version's engine.
    """
    detail = _first_detail(log, place)
    try:
        parameters = parameters_from(detail["parameters"])
    except ParameterError as error:
        problem = f"{place.log}: recorded by another version of the engine: {error}"
        hint = "trader status, why, log and report read it; to go on, record into another home."
        raise CommandError(Exit.INCOMPATIBLE, problem, hint=hint) from error
    return Genesis(
        parameters=parameters,
        initial_state=detail["initial_state"],
        recorded=tuple(sorted(detail["parameters"].items())),
    )


def _first_detail(log: Log | Reader, place: Place) -> dict[str, Any]:
    # Every session says it; where the first record cannot be shown, the next one that can.
    until = 1 if any(True for _ in log.read(0, 1, columns=("kind",))) else log.end
    said = (record for _, record in records(log, 0, until, kinds=["session_started"]))
    first = next(said, None)
    if not isinstance(first, SessionStarted):
        problem = f"{place.log}: the first record is not the start of a session"
        raise CommandError(Exit.CORRUPT, problem)
    detail = detail_of(first.detail)
    if not isinstance(detail.get("parameters"), dict):
        problem = f"{place.log}: the first record does not say its parameters"
        raise CommandError(Exit.CORRUPT, problem)
    return detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a journal was recorded under, for whoever only reads it."""

    values: dict[str, Any]
    """Every parameter as the first session named it."""
    known: Parameters
    """What this version knows of them; the defaults elsewhere."""
    whole: bool
    """Whether that is all of them, so that an engine of this version could go on."""

    @property
    def digest(self) -> str:
        """The identity that the session's own version gave them."""
        return digest_of(self.values)


def rules_of(log: Log | Reader, place: Place) -> Rules:
    """Return what a journal was recorded under, also by another version with other parameters.

    Raises:
        CommandError: (5) if the first record is not the start of a session.
    """
    values = _first_detail(log, place)["parameters"]
    known: dict[str, Any] = {**values}
    # Together, since one may be in its range only next to another: little cash, smaller orders.
    while True:
        try:
            parameters = parameters_from(known)
            break
        except ParameterError as error:
            if known.pop(error.name, None) is None:
                known.popitem()
    return Rules(values=values, known=parameters, whole=len(known) == len(values))


def records(
    log: Log | Reader, start: int, end: int, *, kinds: Sequence[str] | None = None
) -> Iterator[tuple[int, Record]]:
    """Yield (offset, record) of the offsets from ``start`` to before ``end``.

    With ``kinds`` only those, for which only their columns are read.
    """
    if not kinds:
        for batch in log.read(start, end):
            yield from decode(batch)
        return
    wanted = {"offset", "kind"}.union(*(COLUMNS[kind] for kind in kinds))
    columns = [name for name in NAMES if name in wanted]
    for batch in log.read(start, end, columns=columns):
        yield from decode(
            compute.where(batch, compute.is_in(batch.column("kind"), pa.array(kinds)))
        )


def last(log: Log | Reader, kind: type[_T]) -> tuple[int, _T] | None:
    """Return the last record of a kind among the newest ones, with its offset."""
    name = next(name for name, each in KINDS.items() if each is kind)
    start, newest = max(0, log.end - _NEWEST_RECORDS), None
    columns = [each for each in NAMES if each in {"offset", "kind", *COLUMNS[name]}]
    for batch in log.read(start, log.end, columns=columns):
        found = compute.where(batch, compute.equal(batch.column("kind"), name))
        newest = found.slice(found.num_rows - 1) if found.num_rows else newest
    if newest is None:
        return None
    offset, record = next(iter(decode(newest)))
    assert isinstance(record, kind)
    return offset, record


def predecessor_of(log: Log | Reader) -> Predecessor | None:
    """Return the last session of a log, reading it from its end; ``None`` if it has none.

    One that was killed before it received anything recorded nothing: then what counts as the last
    record's time is what it was when that session began.
    """
    received_ns = last_received_ns(log)
    if received_ns is None:
        return None
    columns = ("offset", "session")
    end, step = log.end, _BACKWARD_RECORDS
    while end:
        # Ever larger steps: a read of a few records of a sealed segment checks the whole file.
        start = max(0, end - step)
        said = None
        for batch in log.read(start, end, columns=columns):
            rows = compute.where(batch, compute.is_valid(batch.column("session")))
            said = rows if rows.num_rows else said
        if said is not None:
            offset, session = (said.column(name)[-1].as_py() for name in columns)
            (newest,) = log.read(offset, offset + 1, columns=("kind",))
            ended = newest.column(0)[0].as_py() == "session_ended"
            if not ended and not _has_recorded(log, offset):
                received_ns = _recorded_before(log, offset) or received_ns
            return Predecessor(session=session, ended=ended, last_received_ns=received_ns)
        end, step = start, step * 8
    return None


def _has_recorded(log: Log | Reader, offset: int) -> bool:
    """Say whether anything was received after a session's start; its gap ends at the first."""
    columns = ("kind", "backfilled")
    for batch in log.read(offset + 1, log.end, columns=columns):
        for kind, backfilled in zip(
            *(batch.column(each).to_pylist() for each in columns), strict=True
        ):
            if kind in _RECEIVED and not backfilled:
                return True
    return False


def _recorded_before(log: Log | Reader, offset: int) -> int | None:
    """Return when the last record before a session's start was received, as that start says."""
    _, started = next(iter(records(log, offset, offset + 1)))
    assert isinstance(started, SessionStarted)
    try:
        time_ns = json.loads(started.detail)["predecessor"]["last_received_ns"]
    except (ValueError, KeyError, TypeError):
        return None
    return time_ns if isinstance(time_ns, int) else None


def last_received_ns(log: Log | Reader) -> int | None:
    """Return when the last record was received, or ``None`` if there is no record."""
    if not log.end:
        return None
    for batch in log.read(log.end - 1, log.end, columns=("received_ns",)):
        time_ns: int = batch.column(0)[0].as_py()
        return time_ns
    return None


def tape_of(log: Log | Reader) -> Tape:
    """Return which trades a log's newest records hold, and behind which one some may be missing.

    Health samples say up to which the stream was compared with REST, and when: what was found
    stands before them. A session that was killed did not come to the rest, and what it did come to
    must be known, lest it be fetched again: all that was received since, and a little before.
    """
    known: dict[int, int] = {}
    compared: int | None = None
    compared_ns = 0
    columns = ("kind", "trade_id", "received_ns", "detail")
    end, step = log.end, _BACKWARD_RECORDS
    while end:
        start, first_ns, said = max(0, end - step), 0, None
        for batch in log.read(start, end, columns=columns):
            first_ns = first_ns or batch.column("received_ns")[0].as_py()
            wanted = compute.where(batch, compute.is_in(batch.column("kind"), _OF_TRADES))
            cells = [wanted.column(name).to_pylist() for name in columns]
            for kind, trade_id, received_ns, detail in zip(*cells, strict=True):
                if kind == "trade":
                    known[trade_id] = received_ns
                elif kind == "health":
                    said = _compared(detail) or said
        if compared is None and said is not None:
            compared, at_ns = said
            compared_ns = (first_ns if at_ns is None else at_ns) - _EARLIER_NS
        if (compared is not None and first_ns <= compared_ns) or len(known) >= REMEMBERED_MAX:
            break
        end, step = start, step * 8
    if not known:
        return Tape()
    # Before the first sample, as much as one page more shows.
    behind = sorted(known)[-_LOOKED_AFTER_TRADES:][0] if compared is None else compared
    return Tape(known, behind=behind, since_ns=known.get(behind, min(known.values())))


def _compared(detail: str | None) -> tuple[int, int | None] | None:
    """Return up to which trade a health sample compared, and when; ``None`` if it does not say.

    A sample holds text of the exchange's, so only the value at its own key counts.
    """
    said = detail_of(detail)
    newest, at_ns = said.get(COMPARED), said.get(COMPARED_NS)
    if type(newest) is not int or not 0 <= newest < 2**63:
        return None
    return newest, at_ns if type(at_ns) is int and 0 <= at_ns < 2**63 else None


def detail_of(text: str | None) -> dict[str, Any]:
    """Return what a record's detail says, whatever it holds; nothing where it is no JSON object.

    >>> detail_of('{"feed": "streaming"}'), detail_of("[1]"), detail_of("{")
    ({'feed': 'streaming'}, {}, {})
    """
    try:
        said = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def arithmetics(log: Log | Reader) -> dict[int, str]:
    """Return the arithmetic digest of each session, by the offset at which it starts."""
    found: dict[int, str] = {}
    for batch in log.read(0, log.end, columns=("offset", "kind", "detail")):
        started = compute.where(batch, compute.equal(batch.column("kind"), "session_started"))
        for offset, detail in zip(
            started.column("offset").to_pylist(), started.column("detail").to_pylist(), strict=True
        ):
            found[offset] = str(detail_of(detail).get("arithmetic", UNKNOWN))
    return found
