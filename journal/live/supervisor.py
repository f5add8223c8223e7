"""The sessions of one process: a market each, on threads of their own, over one feed.

The compiled step is shared: only the session that holds the turn computes. If one session fails,
the others go on, and the process ends with its error. The main thread supervises: it shows the
sessions' figures, samples their health, ends them when a limit is reached, and notifies a service
manager, a scraper and a heartbeat while all is well. All is well as long as data is fresh and every
loop comes round; that the process exists is not enough. A task of the main thread that fails does
not keep it from the others: the failure is counted and logged.
"""

import gc
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType

from eventlog.records import Health
from feeds import clock
from feeds.venue import Feed
from journal.asked.settings import Settings
from journal.errors import LimitReached
from journal.live import health, logging, outlets
from journal.live.health import SAMPLE_S, STREAMING, Growth
from journal.live.heartbeat import Heartbeat
from journal.live.session import Session
from journal.live.stopping import Stopping
from journal.live.systemd import Notifier
from journal.summaries import SessionSummary

LOOK_S = 0.2
"""How often the main thread does its tasks."""

EXCESS_S = 5.0
"""How often limits are checked."""

FRESH_S = 60.0
"""How old the newest frame, and how long a turn of a loop, may be while all is well."""

INSISTS_S = 0.5
"""After this time a second signal counts as another one: ``timeout`` sends each signal twice."""

RECONNECTING_S = 900.0
"""How long an exchange may be unreachable before a service manager may restart the process."""


class Sessions:
    """The sessions of one process: first `resume`, then, over an open feed, `run`."""

    def __init__(
        self,
        sessions: Sequence[Session],
        feed: Feed,
        settings: Settings,
        *,
        notifier: Notifier,
        heartbeat: Heartbeat,
        stopping: Stopping,
        report: Callable[[Exception], int],
    ) -> None:
        self._sessions = tuple(sessions)
        self._feed = feed
        self._settings = settings
        self._notifier = notifier
        self._heartbeat = heartbeat
        self._stopping = stopping
        self._report = report
        self._watched = sys.stderr.isatty()
        self._summaries: dict[str, SessionSummary] = {}
        self._failures: dict[str, Exception] = {}
        self._words: dict[str, str] = {}
        self._growths = {session.market: Growth() for session in sessions}
        self._samples: dict[str, dict[str, object]] = {}
        self._stop_why = ""
        self._halt: tuple[str, str] | None = None
        self._sampled_s = self._looked_s = self._alive_s = float("-inf")
        self._well_s = self._told_s = clock.monotonic_s()
        self._stopped_s = float("inf")
        self._problem: str | None = "starting"
        self._failed_tasks: dict[str, int] = {}

    @property
    def trouble(self) -> str | None:
        """The present problem, readable from any thread; ``None`` if there is none."""
        if clock.monotonic_s() - self._told_s > FRESH_S:
            return "the supervisor has ended"
        return self._problem

    @property
    def figures(self) -> dict[str, dict[str, object]]:
        """The newest samples, by market; readable from any thread."""
        return {
            session.market: {
                **self._samples.get(session.market, {}),
                "streaming": self._words.get(session.market) == STREAMING,
                "durable_records": session.log.end,
                "checkpoint_offset": session.checkpoint_offset,
                "ticks": session.board.ticks,
            }
            for session in self._sessions
        }

    def resume(self) -> None:
        """Make every session ready; the failure of one does not keep the others from running.

        All record the same moment as that at which they were ready; nothing is received before it.

        Raises:
            Exception: that of the first session, if none can run.
        """
        for session in self._sessions:
            try:
                session.resume()
            except Exception as error:
                if len(self._sessions) == 1:
                    raise
                self._fail(session.market, error)
        if len(self._failures) == len(self._sessions):
            raise next(iter(self._failures.values()))
        # The objects that exist now will stay. Without this, a collection of garbage that traverses
        # all of TensorFlow's objects stopped every thread for 0.3 s now and then.
        gc.collect()
        gc.freeze()
        ready_ns = clock.now_ns()
        for session in self._sessions:
            session.ready_ns = ready_ns

    def run(self, *, for_s: float | None, max_ticks: int | None) -> list[SessionSummary]:
        """Run until stopped; return the summaries of the sessions that ended well.

        ``for_s``, in seconds, counts from now, when all are ready and the feed is open.

        Raises:
            Exception: that of the first failed session, once the others have ended.
            LimitReached: if a limit was reached.
        """
        before = {number: signal.signal(number, self._on_signal) for number in self._stopping}
        if seen := self._stopping.hand_over():
            self._stop(seen)
        threads = [
            threading.Thread(target=self._carry, args=(session, max_ticks), daemon=True)
            for session in self._sessions
            if session.market not in self._failures
        ]
        try:
            for thread in threads:
                thread.start()
            self._notifier.ready("running")
            self._look_on(threads, for_s)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self._heartbeat.wait()
        if self._failures:
            raise next(iter(self._failures.values()))
        if self._halt is not None:
            _, why = self._halt
            raise LimitReached(
                f"{why}: stopped recording cleanly, nothing was lost",
                hint="Limits are --set log.min_free_mib=N and --set health.max_memory_mib=N.",
            )
        return [self._summaries[session.market] for session in self._sessions]

    def _carry(self, session: Session, max_ticks: int | None) -> None:
        """Run one session on its thread; its exception is kept for the end."""
        try:
            self._summaries[session.market] = session.run(max_ticks=max_ticks)
            self._feed.leave(session.market)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            self._fail(session.market, error)

    def _fail(self, market: str, error: Exception) -> None:
        """Report a failed session and leave its market; the others go on."""
        if len(self._sessions) > 1:
            code = self._report(error)
            logging.say("failed", {"level": "error", "market": market, "code": code})
        self._failures[market] = error
        self._feed.leave(market)

    def _running(self) -> list[Session]:
        return [each for each in self._sessions if each.market not in self._failures]

    def _look_on(self, threads: Sequence[threading.Thread], for_s: float | None) -> None:
        ends_s = None if for_s is None else clock.monotonic_s() + for_s
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(LOOK_S / len(threads))
            now_s = clock.monotonic_s()
            if ends_s is not None and now_s >= ends_s:
                self._stop("--for")
            self._telling("health", partial(self._look_at_feed, now_s))
            self._telling("limits", partial(self._look_at_limits, now_s))
            self._telling("signs of life", partial(self._tell, now_s))
            self._telling("view", self._show)
        self._problem = "stopping"
        self._notifier.stopping()
        self._telling("view", self._finish)
        self._feed.stop()

    def _telling(self, what: str, task: Callable[[], None]) -> None:
        """Do a task of the main thread; if it fails, log that, and let the sessions go on."""
        try:
            task()
        except Exception as error:  # noqa: BLE001 - whatever it is, the sessions go on
            count = self._failed_tasks[what] = self._failed_tasks.get(what, 0) + 1
            if count & (count - 1) == 0:  # the first, second, fourth ...
                why = f"{type(error).__name__}: {error}"
                logging.say("untold", {"level": "error", "what": what, "times": count, "why": why})

    def _finish(self) -> None:
        for session in self._running():
            session.board.finish(durable=session.log.end, checkpoint=session.checkpoint_offset)

    def _look_at_feed(self, now_s: float) -> None:
        """Sample every market each minute, and at once where its feed has changed."""
        state = self._feed.state
        is_due = now_s - self._sampled_s >= SAMPLE_S
        if is_due:
            self._sampled_s = now_s
        for session in self._running():
            word = health.feed_word(state, session.market)
            has_changed = word != self._words.get(session.market)
            self._words[session.market] = word
            if not (has_changed or is_due):
                continue
            size_bytes = health.size_bytes(session.place.log.parent)
            bytes_a_day = self._growths[session.market].look(now_s, size_bytes)
            figures = health.sample(
                state,
                session.market,
                free_bytes=health.free_bytes(session.place.log),
                bytes_a_day=bytes_a_day,
                latencies_ms=session.latencies_ms(),
            )
            figures["messages_dropped"] = outlets.dropped()
            figures["heartbeat_failures"] = self._heartbeat.failures
            self._samples[session.market] = figures
            session.note(Health(received_ns=clock.now_ns(), detail=json.dumps(figures)))
            if not self._watched:
                event = "feed" if has_changed else "minute"
                score = session.board.score
                facts = {
                    "level": "info" if word == STREAMING else "warning",
                    "journal": session.place.name,
                    "ticks": session.board.ticks,
                    "log_loss": score.log_loss,
                    "baseline_log_loss": score.baseline_log_loss,
                    "durable": session.log.end,
                    "checkpoint": session.checkpoint_offset,
                }
                logging.say(event, {**facts, **figures})

    def _look_at_limits(self, now_s: float) -> None:
        """End the sessions while there is still room to end them cleanly."""
        if self._stop_why or now_s - self._looked_s < EXCESS_S:
            return
        self._looked_s = now_s
        self._halt = health.excess(
            place=self._sessions[0].place.log,
            min_free_bytes=self._settings.min_free_bytes,
            max_memory_bytes=self._settings.max_memory_bytes,
        )
        if self._halt is not None:
            word, why = self._halt
            logging.say("halt", {"level": "error", "why": why})
            self._stop(word)

    def _tell(self, now_s: float) -> None:
        """Feed the watchdog and ping the heartbeat, unless there is a problem."""
        trouble = self._problem = self._trouble(now_s)
        self._told_s = now_s
        if trouble is None:
            self._well_s = now_s
        every_s = min(self._notifier.alive_every_s or SAMPLE_S, SAMPLE_S)
        if now_s - self._alive_s < every_s:
            return
        self._alive_s = now_s
        if trouble is None:
            self._notifier.alive("streaming")
            self._heartbeat.ping()
        elif not self._is_hung(now_s) and now_s - self._well_s < RECONNECTING_S:
            # A restart does not bring an exchange back; only after this time is one allowed.
            self._notifier.alive(trouble)
        else:
            self._notifier.status(trouble)

    def _trouble(self, now_s: float) -> str | None:
        """Return the problem: a session that failed, a loop that hangs, or a stale feed."""
        if self._failures:
            return f"failed: {', '.join(self._failures)}"
        if self._is_hung(now_s):
            return "a loop hangs"
        last_s = self._feed.state.last_frame_s
        if last_s is None or now_s - last_s > FRESH_S:
            return f"no data: {self._feed.state.why or 'nothing is heard'}"
        silent = [market for market, word in self._words.items() if word != STREAMING]
        return f"not streaming: {', '.join(silent)}" if silent else None

    def _is_hung(self, now_s: float) -> bool:
        """Return whether the loop of a running session has not come round for too long."""
        return any(
            now_s - session.looped_s > FRESH_S
            for session in self._running()
            if session.market not in self._summaries
        )

    def _show(self) -> None:
        if not self._watched:
            return
        for session in self._running():
            word = self._words[session.market]
            session.board.update(
                durable=session.log.end,
                checkpoint=session.checkpoint_offset,
                feed="ok" if word == STREAMING else word,
                health=self._samples.get(session.market),
            )

    def _stop(self, why: str) -> None:
        if not self._stop_why:
            self._stop_why = why
            self._stopped_s = clock.monotonic_s()
            for session in self._sessions:
                session.stop(why)
            self._feed.stop()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._stop_why and clock.monotonic_s() - self._stopped_s >= INSISTS_S:
            raise KeyboardInterrupt
        self._stop(signal.Signals(number).name)
