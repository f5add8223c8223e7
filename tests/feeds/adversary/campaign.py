"""The campaign of hostile exchanges: seeded sessions, and what must hold after them.

    uv run --group test python -m tests.feeds.adversary.campaign --seeds 0:250
    uv run --group test python -m tests.feeds.adversary.campaign --seeds 0:2 --whole

For every seed a hostile exchange (`exchange.py` here) runs in this process, and four
sessions follow each other over one journal, each a process of its own without TensorFlow. Most are
killed; some are stopped and continued, have a stderr that is full, stuck or gone, lose their lock
file, or meet a second session that wants the same journal. Between hostile stretches the exchange
is honest. Afterwards

* nothing that was acknowledged is lost: every record that an append had returned for stands at its
  offset;
* every trade that the exchange published since the first session began stands in the log exactly
  once, or lies in a recorded `Gap`;
* no session ended with an exception, none did not end, none needed more memory than
  `MEMORY_MIB_MAX`, and each next one started;
* every byte of the log verifies.

With ``--whole`` the sessions are processes of ``trader live``, the learner with them.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cli.exit_codes import Exit
from eventlog.errors import EventLogError
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Gap, Health, Trade
from feeds.clock import monotonic_s, sleep_s
from feeds.deduplicator import COMPARED
from fixtures.record import SMALL, TRADES, trader
from journal.reading.scan import records
from tests.feeds.adversary.exchange import HostileExchange, serving
from tests.feeds.adversary.frames import MARKET
from tests.feeds.adversary.session import Task, line_of
from tests.feeds.campaign import Outcome as Judged
from tests.feeds.campaign import look_for

MEMORY_MIB_MAX = 400
"""What a session without TensorFlow may need at its highest: its modules, the queue of 64 MiB of
frames and what they are as records, the largest body, the book."""

WHOLE_MEMORY_MIB_MAX = 2_000
"""The same of ``trader live``, most of which is TensorFlow's."""

SESSIONS = 4
LIFE_S = (0.3, 2.2)
END_S = 40.0
"""How long a session that was told to end may take: a hole has its time to be filled."""

CALM_S = 1.5
"""How long the exchange is honest before the last session ends: trades are compared meanwhile."""

STARTS_MAX = 30
_LOCKS = ("", "", "", "", "", "deleted", "replaced")
"""What becomes of the lock file while a session has it."""

_STDERRS = ("file", "file", "full", "stuck", "closed")
"""What a session's stderr is: a file, a full disk, a pipe that nobody reads, one nobody holds."""


@dataclass(slots=True)
class Outcome:
    """What one seed came to; ``wrong`` is empty where everything held."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    peak_mib: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """What befalls one session."""

    life_s: float
    stderr: str
    stopped_s: float
    lock: str
    has_second: bool
    is_last: bool

    @classmethod
    def drawn(cls, draws: random.Random, *, is_last: bool) -> "Plan":
        """Return a plan."""
        return cls(
            life_s=draws.uniform(*LIFE_S),
            stderr=draws.choice(_STDERRS),
            stopped_s=draws.uniform(0.2, 1.2) if draws.random() < 0.2 else 0.0,
            lock=draws.choice(_LOCKS),
            has_second=draws.random() < 0.2,
            is_last=is_last,
        )


class Nursery:
    """The process that forks sessions, and what it says of them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.feeds.adversary.session"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._changed = threading.Condition()
        self._began: list[int] = []
        self._ended: dict[int, tuple[int, int]] = {}
        threading.Thread(target=self._hear, daemon=True).start()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _hear(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._changed:
                if "began" in said:
                    self._began.append(said["began"])
                else:
                    self._ended[said["ended"]] = (said["code"], said["peak_mib"])
                self._changed.notify_all()

    def start(self, task: Task) -> int:
        """Start a session; return its process."""
        self._stdin.write(line_of(task))
        self._stdin.flush()
        with self._changed:
            assert self._changed.wait_for(lambda: self._began, 60.0), "nothing is forked"
            return self._began.pop()

    def wait(self, process: int, seconds: float) -> tuple[int, int] | None:
        """Return (exit code, MiB at the peak) of a session; ``None`` if it goes on for longer."""
        with self._changed:
            self._changed.wait_for(lambda: process in self._ended, seconds)
            return self._ended.get(process)

    def close(self) -> None:
        """End it, once its sessions have ended."""
        self._stdin.close()
        self._process.wait(60.0)
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Run a process that forks sessions for a while."""
    made = Nursery()
    try:
        yield made
    finally:
        made.close()


def run(seed: int, forks: Nursery, *, sessions: int = SESSIONS) -> Outcome:
    """Run one seed and judge it."""
    outcome, draws = Outcome(seed), random.Random(f"{seed} sessions")
    exchange = HostileExchange(seed, seconds=600.0)
    with tempfile.TemporaryDirectory() as directory, serving(exchange) as url:
        home = Path(directory)
        for number in range(sessions):
            plan = Plan.drawn(draws, is_last=number == sessions - 1)
            _carry(plan, number, home, url, exchange, forks, outcome)
        outcome.counts["trades published"] = len(exchange.market.trades)
        outcome.met = exchange.met
        for path in sorted(home.glob("*.traceback")):
            lines = path.read_text(encoding="utf-8").strip().splitlines()
            outcome.wrong.append(f"a session ended with an exception: {lines[-1][:300]}")
        judge(home, exchange.market.trades, outcome)
    return outcome


def _carry(
    plan: Plan,
    number: int,
    home: Path,
    url: str,
    exchange: HostileExchange,
    forks: Nursery,
    outcome: Outcome,
) -> None:
    """Run one session as it was planned; one that does not reach the exchange starts anew."""
    for attempt in range(STARTS_MAX):
        name = f"{number}-{attempt}"
        stderr = str(home / f"{name}.stderr") if plan.stderr == "file" else plan.stderr
        if stderr == "full":
            stderr = "/dev/full"
        task = Task(str(home), url, str(home / f"{name}.acknowledged"), stderr)
        process = forks.start(task)
        second = _disturb(plan, process, task, forks, outcome)
        if plan.is_last:
            exchange.calm()
            forks.wait(process, CALM_S)
            _signal(process, signal.SIGTERM)
        else:
            _signal(process, signal.SIGKILL)
        code = _ended(process, forks, outcome, f"session {number}")
        if second is not None:
            _signal(second, signal.SIGKILL)
            _ended(second, forks, outcome, "a second session")
        if code != Exit.UNREACHABLE:
            break
        outcome.counts["starts refused"] += 1
    else:
        outcome.wrong.append(f"session {number} did not start in {STARTS_MAX} attempts")
    outcome.counts["sessions"] += 1
    outcome.counts["killed"] += code == -signal.SIGKILL
    outcome.counts[f"stderr {plan.stderr}"] += 1
    expected = [Exit.OK, -signal.SIGKILL, Exit.UNREACHABLE]
    if plan.lock:
        outcome.counts["displaced"] += code == Exit.LOCKED
        expected.append(Exit.LOCKED)
    if code not in expected:
        outcome.counts["exceptions"] += code == Exit.BUG
        outcome.wrong.append(f"session {number} ended with {code}")
    if (home / "log").exists():
        kept = [each for each in check(home / "log") if not each.repairable]
        outcome.wrong += [f"after session {number}: {each}" for each in kept]


def _disturb(plan: Plan, process: int, task: Task, forks: Nursery, outcome: Outcome) -> int | None:
    """Let a session live, and what befalls it meanwhile; return a second one that still runs."""
    second = None
    half_s = plan.life_s / 2
    forks.wait(process, half_s)
    lock = Path(task.home) / "log" / "LOCK"
    if plan.lock and lock.exists():
        outcome.counts[f"lock {plan.lock}"] += 1
        lock.unlink()
        if plan.lock == "replaced":
            lock.write_bytes(b"")
    if plan.stopped_s:
        outcome.counts["stopped and continued"] += 1
        _signal(process, signal.SIGSTOP)
        sleep_s(plan.stopped_s)
    if plan.has_second:
        outcome.counts["second sessions"] += 1
        other = Task(task.home, task.url, task.acknowledged + "-too", os.devnull)
        second = forks.start(other)
        said = forks.wait(second, half_s)
        if not plan.lock and said is not None and said[0] not in (Exit.LOCKED, Exit.UNREACHABLE):
            outcome.wrong.append(f"a second session was not refused: {said[0]}")
    if plan.stopped_s:
        _signal(process, signal.SIGCONT)
    forks.wait(process, half_s)
    return second


def _signal(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _ended(process: int, forks: Nursery, outcome: Outcome, what: str) -> int:
    """Return how a session ended; one that does not end is killed, and is wrong."""
    said = forks.wait(process, END_S)
    if said is None:
        outcome.wrong.append(f"{what} did not end within {END_S:g} s")
        _signal(process, signal.SIGKILL)
        said = forks.wait(process, END_S)
        assert said is not None
    code, peak_mib = said
    outcome.peak_mib = max(outcome.peak_mib, peak_mib)
    if peak_mib > MEMORY_MIB_MAX:
        outcome.wrong.append(f"{what} needed {peak_mib} MiB")
    return code


def judge(home: Path, published: Sequence[int], outcome: Outcome) -> None:
    """Look for what was acknowledged, for every trade, and at every byte."""
    if not (home / "log").exists():
        return
    try:
        Log.open(home / "log").close()
    except EventLogError as error:
        outcome.wrong.append(f"the log does not open: {error}")
        return
    outcome.wrong += [f"verify: {finding}" for finding in check(home / "log")]
    log = Reader.open(home / "log")
    _look_for_acknowledged(home, log, outcome)
    _look_for_trades(log, published, outcome)


def _look_for_acknowledged(home: Path, log: Reader, outcome: Outcome) -> None:
    received: list[int] = []
    for batch in log.read(0, log.end, columns=("received_ns",)):
        received += batch.column(0).to_pylist()
    for path in sorted(home.glob("*.acknowledged*")):
        if path.suffix == ".traceback":
            continue
        for line in path.read_bytes().splitlines():
            try:
                first, *times = json.loads(line)
            except ValueError:
                continue  # the kill fell into its writing
            outcome.counts["acknowledged"] += len(times)
            lost = len(times) - sum(
                a == b for a, b in zip(received[first : first + len(times)], times, strict=False)
            )
            if lost:
                outcome.counts["acknowledged and lost"] += lost
                outcome.wrong.append(f"{path.name}: {lost} acknowledged records from {first} on")


def _look_for_trades(log: Reader, published: Sequence[int], outcome: Outcome) -> None:
    """Hold what the honest market published to what stands in the log."""
    honest = set(published)
    taken: Counter[int] = Counter()
    streamed: list[Trade] = []
    gaps: list[Gap] = []
    compared = 0
    for _, record in records(log, 0, log.end):
        if isinstance(record, Gap):
            gaps.append(record)
        elif isinstance(record, Health):
            said = json.loads(record.detail).get(COMPARED)
            compared = compared if said is None else said
        elif isinstance(record, Trade) and record.trade_id in honest:
            taken[record.trade_id] += 1
            outcome.counts["backfilled" if record.backfilled else "streamed"] += 1
            if not record.backfilled:
                streamed.append(record)
    outcome.counts["gaps"] = len(gaps)
    outcome.counts["trades recorded"] = len(taken)
    twice = sum(count > 1 for count in taken.values())
    outcome.counts["trades twice"] = twice
    if twice:
        outcome.wrong.append(f"{twice} trades stand in the log more than once")
    if taken:
        judged = Judged(outcome.seed, ())
        look_for(published, taken, streamed, gaps, compared, judged)
        outcome.counts["trades missing in a gap"] = judged.counts["missing in a gap"] - len(
            judged.wrong
        )
        outcome.counts["trades missing unsaid"] = len(judged.wrong)
        outcome.wrong += judged.wrong[:3]


def run_whole(seed: int, *, kills: int = 1) -> Outcome:
    """Run one seed with processes of ``trader live``, the first ones killed, and judge it."""
    outcome, draws = Outcome(seed), random.Random(f"{seed} sessions")
    exchange = HostileExchange(seed, seconds=600.0)
    with tempfile.TemporaryDirectory() as directory, serving(exchange) as url:
        home = Path(directory)
        command = trader("live", "--url", url, "--home", directory, *SMALL, *TRADES)
        for number in range(kills + 1):
            _carry_whole(command, number, home, outcome, draws, exchange, is_last=number == kills)
        outcome.counts["trades published"] = len(exchange.market.trades)
        outcome.met = exchange.met
        judge(home / MARKET, exchange.market.trades, outcome)
        done = subprocess.run(
            trader("verify", "--home", directory), capture_output=True, text=True, check=False
        )
        if done.returncode:
            outcome.wrong.append(f"verify: {done.returncode} {done.stdout}{done.stderr}")
    return outcome


def _carry_whole(
    command: Sequence[str],
    number: int,
    home: Path,
    outcome: Outcome,
    draws: random.Random,
    exchange: HostileExchange,
    *,
    is_last: bool,
) -> None:
    """Run one session of ``trader live`` for some seconds once it records; then end it."""
    place = home / MARKET / "log"
    for _ in range(STARTS_MAX):
        with (home / f"{number}.stderr").open("wb") as stderr:
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
        before, until_s = _durable(place), monotonic_s() + 240.0
        while child.poll() is None and _durable(place) < before + 50 and monotonic_s() < until_s:
            sleep_s(0.2)
        if child.poll() is None:
            sleep_s(draws.uniform(5.0, 12.0))
        if is_last:
            exchange.calm()
            sleep_s(3.0)
        outcome.peak_mib = max(outcome.peak_mib, _peak_mib(child.pid))
        child.send_signal(signal.SIGTERM if is_last else signal.SIGKILL)
        try:
            code = child.wait(END_S)
        except subprocess.TimeoutExpired:
            outcome.wrong.append(f"session {number} did not end within {END_S:g} s")
            child.kill()
            code = child.wait()
        if code != Exit.UNREACHABLE:
            break
        outcome.counts["starts refused"] += 1
    outcome.counts["sessions"] += 1
    outcome.counts["killed"] += code == -signal.SIGKILL
    if code not in (Exit.OK, -signal.SIGKILL):
        said = (home / f"{number}.stderr").read_text("utf-8", "replace").strip()
        outcome.counts["exceptions"] += code == Exit.BUG
        outcome.wrong.append(f"session {number} ended with {code}: {said[-600:]}")
    if outcome.peak_mib > WHOLE_MEMORY_MIB_MAX:
        outcome.wrong.append(f"session {number} needed {outcome.peak_mib} MiB")


def _durable(place: Path) -> int:
    try:
        return Reader.open(place).end
    except EventLogError:
        return 0


def _peak_mib(process: int) -> int:
    """Return how much memory a process had at most, as the kernel says."""
    with suppress(FileNotFoundError):
        for line in Path(f"/proc/{process}/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return 0


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of a table over all seeds."""
    total = sum((outcome.counts for outcome in outcomes), Counter[str]())
    met = sum((outcome.met for outcome in outcomes), Counter[str]())
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    yield f"seeds {outcomes[0].seed} to {outcomes[-1].seed}: {len(outcomes)}"
    for name in ("exceptions", "acknowledged and lost", "trades twice", "trades missing unsaid"):
        total[name] += 0
    for name, count in sorted(total.items()):
        yield f"  {name:26} {count:>12,}"
    yield f"  {'peak memory, MiB':26} {max(outcome.peak_mib for outcome in outcomes):>12,}"
    yield f"  {'seeds wrong':26} {len(wrong):>12,}"
    for outcome in wrong:
        yield f"    seed {outcome.seed}: {outcome.wrong[0]} ({len(outcome.wrong)} in all)"
    yield f"  modes met by a client: {len(met)}"
    for name, count in sorted(met.items()):
        yield f"    {name:44} {count:>8,}"


_FORKS: list[Nursery] = []


def _begin() -> None:
    _FORKS.append(Nursery())


def _one(seed: int) -> Outcome:
    return run(seed, _FORKS[0])


def main() -> int:
    """Run the campaign that the arguments ask for."""
    parser = argparse.ArgumentParser(description="The campaign of hostile exchanges.")
    parser.add_argument("--seeds", default="0:20", help="FROM:TO, TO not included")
    parser.add_argument("--jobs", type=int, default=2, help="seeds at a time")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no seed after so long")
    parser.add_argument("--whole", action="store_true", help="with processes of trader live")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition(":")
    seeds = range(int(first), int(last))
    outcomes: list[Outcome] = []
    until_s = monotonic_s() + 60.0 * arguments.minutes
    if arguments.whole:
        outcomes = [_told(run_whole(seed)) for seed in seeds if monotonic_s() < until_s]
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(arguments.jobs, context, _begin) as pool:
            waiting = {pool.submit(_one, seed) for seed in seeds}
            for done in as_completed(waiting):
                if not done.cancelled():
                    outcomes.append(_told(done.result()))
                if monotonic_s() > until_s:
                    for each in waiting:
                        each.cancel()
    print("\n".join(table(sorted(outcomes, key=lambda outcome: outcome.seed))))
    return any(outcome.wrong for outcome in outcomes)


def _told(outcome: Outcome) -> Outcome:
    print(outcome.seed, dict(outcome.counts), *outcome.wrong[:3], file=sys.stderr, flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
