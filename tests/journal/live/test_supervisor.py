"""The sessions of one process: what is said, and when the signs of life stop."""

import errno
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from feeds import clock
from journal.asked.settings import settings
from journal.live.health import STREAMING
from journal.live.heartbeat import Heartbeat
from journal.live.stopping import Stopping
from journal.live.supervisor import FRESH_S, INSISTS_S, RECONNECTING_S, Sessions
from journal.live.systemd import Notifier
from tests.support.feed_states import state


@dataclass
class _Session:
    """As much of a session as is looked at."""

    market: str = "A-B"
    looped_s: float = 0.0
    stopped: list[str] = field(default_factory=list)

    def stop(self, why: str) -> None:
        self.stopped.append(why)


@dataclass
class _Feed:
    """As much of a feed."""

    state: Any
    stops: int = 0

    def stop(self) -> None:
        self.stops += 1


class _Notifier(Notifier):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__(None, watchdog_us="2000000")
        self.said: list[str] = []

    def _send(self, text: str) -> None:
        self.said.append(text.splitlines()[0])


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Sessions, _Session, _Feed, _Notifier]:
    session, notifier = _Session(), _Notifier()
    feed = _Feed(replace(state(), last_frame_s=0.0))
    made: Any = Sessions(
        [session],  # type: ignore[list-item]
        feed,  # type: ignore[arg-type]
        settings(tmp_path, None),
        notifier=notifier,
        heartbeat=Heartbeat(None),
        stopping=Stopping(leave=lambda: None),
        report=lambda _: 0,
    )
    made._words["A-B"] = STREAMING
    made._well_s = 0.0
    return made, session, feed, notifier


def test_fresh_data_and_loops_that_come_round_feed_the_watchdog(parts: Any) -> None:
    """As often as it asks for, and no more."""
    made, _, _, notifier = parts

    for now_s in (0.0, 0.5, 1.0):
        made._tell(now_s)

    assert notifier.said == ["WATCHDOG=1", "WATCHDOG=1"]


def test_a_loop_that_hangs_starves_the_watchdog(parts: Any) -> None:
    """Data come, and nothing becomes durable: that is for the manager to end."""
    made, _, feed, notifier = parts
    feed.state = replace(feed.state, last_frame_s=FRESH_S + 1)

    made._tell(FRESH_S + 1)

    assert notifier.said == ["STATUS=a loop hangs"]


def test_an_exchange_that_is_away_starves_it_in_the_end(parts: Any) -> None:
    """Starting anew does not bring it back, but after a quarter of an hour it is tried."""
    made, session, _, notifier = parts
    times = [FRESH_S + 1, RECONNECTING_S - 1, RECONNECTING_S + 1]
    for now_s in times:
        session.looped_s = now_s
        made._tell(now_s)

    assert notifier.said == ["WATCHDOG=1", "WATCHDOG=1", f"STATUS={made._trouble(times[-1])}"]
    assert "no data" in notifier.said[-1]


def test_a_market_that_does_not_stream_is_trouble(parts: Any) -> None:
    """The socket is alive, one market is not: it is named."""
    made, *_ = parts
    made._words["A-B"] = "not streaming: refused"

    assert made._trouble(0.0) == "not streaming: A-B"


def test_the_first_signal_stops_and_the_second_interrupts(parts: Any) -> None:
    """Cleanly at first; whoever insists is obeyed, but not one signal that came twice."""
    made, session, feed, _ = parts

    made._on_signal(signal.SIGTERM, None)
    made._on_signal(signal.SIGTERM, None)
    made._stopped_s -= INSISTS_S

    assert (session.stopped, feed.stops) == (["SIGTERM"], 1)
    with pytest.raises(KeyboardInterrupt):
        made._on_signal(signal.SIGINT, None)


def test_what_fails_in_telling_ends_nothing(parts: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said, less and less often, and the next thing is told all the same."""
    made, *_ = parts

    def fail() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    for _ in range(5):
        made._telling("view", fail)

    said = capsys.readouterr().err.splitlines()
    assert [line.split("times=")[1].split()[0] for line in said] == ["1", "2", "4"]
    assert "Too many open files" in said[0]


def test_trouble_is_known_to_whoever_asks(parts: Any) -> None:
    """None while all is well; and when nobody looks on any more, that is trouble, too."""
    made, *_ = parts
    assert made.trouble == "starting"

    now_s = clock.monotonic_s()
    made._feed.state = replace(made._feed.state, last_frame_s=now_s)
    made._sessions[0].looped_s = now_s
    made._tell(now_s)
    assert made.trouble is None

    made._told_s = now_s - FRESH_S - 1
    assert made.trouble == "the supervisor has ended"
