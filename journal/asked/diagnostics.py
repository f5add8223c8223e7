"""Checks whether this machine has everything that a session needs; each reports one sentence."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.errors import EngineError
from engine.executor.choice import Choice
from engine.identity import step_identity
from engine.parameters import Parameters, parameters_from
from engine.venue_rules import DEFAULT_RULES, VenueRules
from eventlog.errors import EventLogError
from eventlog.reader import Reader
from eventlog.recovery import LOCK
from eventlog.storage import DISK
from feeds import clock
from feeds.errors import ExchangeUnreachable
from feeds.reach import reach
from journal import layout
from journal.asked.settings import FILE, choices, settings
from journal.errors import (
    CannotVerify,
    CommandError,
    JournalIncompatible,
    LimitReached,
    ProgramUnsuitable,
)
from journal.header import header_of
from journal.layout import JournalPath
from journal.reading import sessions
from journal.reading.details import UNKNOWN
from journal.summaries import Check, CheckVerdict
from journal.versions import version_of, versions

PYTHONS = ((3, 11), (3, 13))
CPU_FLAGS = ("avx2", "fma", "bmi2")
"""Flags of x86-64-v3: on a lesser processor equal bits are not claimed."""

FSYNCS = 100
FSYNC_SLOW_S = 0.05
SKEW_MOST_S = 2.0


def checks(home: Path, *, url: str, timeout_s: float, asks: bool, runs: bool) -> Iterator[Check]:
    """Make every check, and yield each result at once.

    Args:
        home: the directory of the configuration and the journals.
        url: of the exchange's websocket.
        timeout_s: how long to try to reach the exchange, in seconds.
        asks: whether to connect to the exchange.
        runs: whether to make the golden run, which loads TensorFlow.
    """
    yield python()
    yield tensorflow()
    yield processor()
    yield configuration(home)
    yield disk(home)
    yield durability(home)
    yield from locks(home)
    yield from steps(home)
    if asks:
        yield from exchange(url, timeout_s=timeout_s)
    if runs:
        yield from determinism(home)


def _ok(name: str, says: str) -> Check:
    return Check(name, CheckVerdict.OK, says, "")


def _note(name: str, says: str, hint: str = "") -> Check:
    return Check(name, CheckVerdict.NOTE, says, hint)


def _problem(name: str, error: Exception, hint: str) -> Check:
    return Check(name, CheckVerdict.PROBLEM, str(error), hint, error)


def python() -> Check:
    """Is it a Python that TensorFlow has wheels for?"""
    low, high = PYTHONS
    says = f"{platform.python_version()} on {platform.machine()}"
    if low <= sys.version_info[:2] <= high:
        return _ok("python", says)
    wanted = f"{low[0]}.{low[1]} to {high[0]}.{high[1]}"
    return _problem("python", ProgramUnsuitable(says), f"Needed: {wanted}.")


def tensorflow() -> Check:
    """The build of TensorFlow, and the versions of the other libraries."""
    installed = versions()
    missing = [name for name, version in installed.items() if version == UNKNOWN]
    says = ", ".join(f"{name} {version}" for name, version in installed.items() if name != "trader")
    if missing:
        hint = f"Not installed: {', '.join(missing)}. Install trader again."
        return _problem("tensorflow", ProgramUnsuitable(says), hint)
    return _ok("tensorflow", says)


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Check:
    """Does the processor have the flags that equal bits need?"""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return _note("processor", "this system does not say what it can")
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    model = next((line.split(":", 1)[1] for line in lines if line.startswith("model name")), "")
    missing = [flag for flag in CPU_FLAGS if flag not in flags]
    if missing:
        says = f"{model.strip()}, without {', '.join(missing)}"
        hint = "It learns here, but equal bits are not claimed below x86-64-v3."
        return _note("processor", says, hint)
    return _ok("processor", f"{model.strip()}, with {', '.join(CPU_FLAGS)}")


def configuration(home: Path) -> Check:
    """Is the configuration valid?"""
    try:
        chosen = choices(home, None)
    except (CommandError, EngineError) as error:
        return _problem("configuration", error, getattr(error, "hint", ""))
    if not (home / FILE).exists():
        return _note("configuration", f"no {home / FILE}: all defaults", "trader init")
    return _ok("configuration", f"{home / FILE}, {len(chosen)} settings chosen")


def disk(home: Path) -> Check:
    """Is there room for a session?"""
    try:
        floor_bytes = settings(home, None).min_free_bytes
    except (CommandError, EngineError):
        floor_bytes = 1 << 30
    free_bytes = shutil.disk_usage(_existing(home)).free
    says = f"{free_bytes / 2**30:,.1f} GiB free, a session ends below {floor_bytes / 2**30:g} GiB"
    if free_bytes < floor_bytes:
        return _problem("disk", LimitReached(says), "Make room, or lower the floor.")
    return _ok("disk", says)


def durability(home: Path) -> Check:
    """How long does the disk take to make a commit durable?"""
    seconds = []
    with tempfile.TemporaryDirectory(dir=_existing(home)) as directory:
        file = DISK.create(Path(directory) / "durability")
        try:
            file.pwrite(bytes(4096 * FSYNCS), 0)
            file.fsync()
            for number in range(FSYNCS):
                started_s = clock.monotonic_s()
                file.pwrite(bytes([number]) * 4096, 4096 * number)
                file.fdatasync()
                seconds.append(clock.monotonic_s() - started_s)
        finally:
            file.close()
    seconds.sort()
    median_s, tail_s = seconds[FSYNCS // 2], seconds[FSYNCS * 99 // 100]
    says = f"a durable write takes p50 {median_s * 1e3:.2f} ms, p99 {tail_s * 1e3:.2f} ms"
    if median_s > FSYNC_SLOW_S:
        return _note("durability", says, "A slow disk bounds ticks a second.")
    return _ok("durability", says)


def locks(home: Path) -> Iterator[Check]:
    """Which journals are there, and does a session record one of them?"""
    for place in _places(home):
        try:
            records = Reader.open(place.log).end
        except EventLogError as error:
            hint = f"trader verify --journal {place.name}"
            yield _problem(place.name, error, hint)
            continue
        running = DISK.locked(place.log / LOCK)
        says = f"{records:,} records, " + ("a session is running" if running else "not locked")
        yield _ok(place.name, says)


def steps(home: Path) -> Iterator[Check]:
    """Can this program continue the journals, or did another version of the step record them?"""
    ours: list[str] = []
    older: list[str] = []
    for place in _places(home):
        try:
            newest = sessions.newest(log := Reader.open(place.log))
            sessions.check_newest(log, place)
        except JournalIncompatible as error:
            yield _problem("step", error, error.hint)
            continue
        except (EventLogError, EngineError, CommandError):
            continue  # said above
        if newest is not None:
            (older if newest.step is None else ours).append(place.name)
    step = f"trader {version_of('trader')}, step {step_identity()[:8]}"
    says = step + (f", as {', '.join(ours)} recorded" if ours else "")
    if older:
        says += f"; {', '.join(older)}: recorded before steps had a name, held by the self-check"
    yield _ok("step", says)


def exchange(url: str, *, timeout_s: float) -> Iterator[Check]:
    """Can the exchange be reached, and do its clock and ours agree?"""
    try:
        reached = reach(url, timeout_s=timeout_s)
    except ExchangeUnreachable as error:
        hint = "trader live --simulated needs no network."
        yield _problem("exchange", error, hint)
        yield _note("clock", "not compared: no exchange was reached")
        return
    yield _ok("exchange", f"{url}, an open websocket in {reached.seconds:.2f} s")
    if reached.skew_s is None:
        yield _note("clock", "not compared: the exchange does not say the time")
    elif abs(reached.skew_s) > SKEW_MOST_S:
        says = f"{reached.skew_s:+.1f} s against the exchange"
        yield _note("clock", says, "Latency figures will be wrong: enable NTP.")
    else:
        yield _ok("clock", f"within {SKEW_MOST_S:g} s of the exchange")


def determinism(home: Path) -> Iterator[Check]:
    """Does the golden run give the same bits twice, and those that the journals recorded?

    Compiles the step of each shape in use, unless it is in the cache.
    """
    from journal import compile_cache

    try:
        executor = settings(home, None).executor
    except (CommandError, EngineError):
        executor = Choice.AUTO  # reported by the check of the configuration
    compile_cache.reuse(executor)
    from engine.engine import arithmetic_digest

    recorded: dict[tuple[Parameters, VenueRules], dict[str, str]] = {}
    for place in _places(home):
        try:
            log = Reader.open(place.log)
            header = header_of(log, place)
            newest = sessions.newest(log)
        except (EventLogError, EngineError, CommandError):
            continue  # said above
        if newest is not None and sessions.other_step([newest]) is not None:
            continue  # reported above: another step gives other bits on any machine
        arithmetic = UNKNOWN if newest is None else newest.arithmetic
        recorded.setdefault((header.parameters, header.rules), {})[place.name] = arithmetic
    if not recorded:
        recorded = {(parameters_from({}), DEFAULT_RULES): {}}
    for (parameters, rules), names in recorded.items():
        digest = arithmetic_digest(parameters, rules)
        says = f"golden run {digest[:16]}, by {compile_cache.origin(parameters)}"
        if arithmetic_digest(parameters, rules) != digest:
            hint = "The same run gave other bits the second time: nothing can be replayed here."
            yield _problem("determinism", CannotVerify(says), hint)
            continue
        foreign = [name for name, arithmetic in names.items() if arithmetic != digest]
        if foreign:
            says += f", not that of the newest session of {', '.join(foreign)}"
            hint = "Recorded with another build or processor: verify --deep cannot claim (7)."
            yield _problem("determinism", CannotVerify(says), hint)
            continue
        says += ", the same bits twice"
        says += f", as {', '.join(names)} recorded" if names else ""
        yield _ok("determinism", says)


def _places(home: Path) -> list[JournalPath]:
    return [JournalPath(home, name) for name in layout.names(home)]


def _existing(path: Path) -> Path:
    """Return the nearest directory above that exists."""
    return next(each for each in (path, *path.absolute().parents) if each.exists())
