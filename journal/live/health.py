"""The health of the process, the machine and the feed: one flat sample for each market.

A sample is recorded every minute, and whenever a market begins or ceases to stream. A limit that is
exceeded ends the process cleanly, before the system would kill it.
"""

import os
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from eventlog.storage import DISK
from feeds import clock
from feeds.state import FeedState
from journal.live.latency import BATCHES

SAMPLE_S = 60.0
"""How often a sample is recorded while the state of the feed does not change."""

STREAMING = "streaming"
_MIB = 1 << 20
_DAY_S = 86_400.0
_GROWTH_SAMPLES = 60


def resident_bytes() -> int | None:
    """Return the resident memory of this process, in bytes; ``None`` if unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int | None:
    """Return the number of open files and sockets of this process; ``None`` if unknown."""
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return None


def free_bytes(place: Path) -> int:
    """Return the free space on the disk of a journal, in bytes."""
    return DISK.free_bytes(place)


def size_bytes(place: Path) -> int:
    """Return the size of all files of a journal, in bytes."""
    size = 0
    for path in place.rglob("*"):
        with suppress(OSError):  # sealed, or replaced, meanwhile
            size += path.stat().st_size
    return size


def feed_word(state: FeedState, market: str) -> str:
    """Return the state of a market's feed, in a few words."""
    of_market = state.markets[market]
    if of_market.streaming:
        return STREAMING
    return f"not streaming: {of_market.why or state.why or 'nothing was heard yet'}"


class Growth:
    """How fast a journal grows on its disk, from its sizes over time."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque(maxlen=_GROWTH_SAMPLES)

    def look(self, now_s: float, size_bytes: int) -> float | None:
        """Note a size; return the growth in bytes per day, ``None`` during the first minute.

        >>> growth = Growth()
        >>> growth.look(0.0, 1_000), growth.look(86_400.0, 3_000)
        (None, 2000.0)
        """
        self._looks.append((now_s, size_bytes))
        first_s, first_bytes = self._looks[0]
        if now_s - first_s < SAMPLE_S:
            return None
        return (size_bytes - first_bytes) / (now_s - first_s) * _DAY_S


def sample(
    state: FeedState,
    market: str,
    *,
    free_bytes: int,
    bytes_a_day: float | None,
    latencies_ms: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, object]:
    """Return the present figures of a market. Names end in their unit; unknown ones are absent.

    ``latencies_ms`` has, by stage, the latency of each batch since the last sample, from received.
    """
    of_market = state.markets[market]
    now_s = clock.monotonic_s()
    memory, files = resident_bytes(), open_files()
    days = free_bytes / bytes_a_day if bytes_a_day and bytes_a_day > 0 else None
    record_s = of_market.last_record_s
    figures: dict[str, object | None] = {
        "feed": feed_word(state, market),
        "market_status": of_market.status,
        "rest_trouble": state.trouble or None,
        "record_age_s": None if record_s is None else round(now_s - record_s, 1),
        "connections": state.connections,
        "reconnects": state.reconnects,
        "rotations": state.rotations,
        "gaps": of_market.gaps,
        "backfilled": of_market.backfilled,
        "repeated": of_market.repeated,
        "hole": of_market.hole,
        "queued": of_market.queued,
        "frames": state.frames,
        "undecodable": state.undecodable,
        "cross_checks": state.cross_checks,
        "rest_failures": state.rest_failures,
        **_quantiles(latencies_ms or {}),
        BATCHES: max(map(len, (latencies_ms or {}).values()), default=0),
        "loop_lag_ms": round(state.loop_lag_s * 1e3, 1),
        "clock_skew_ms": None if state.skew_s is None else round(state.skew_s * 1e3, 1),
        "memory_mib": None if memory is None else memory // _MIB,
        "open_files": files,
        "disk_free_mib": free_bytes // _MIB,
        "disk_days_left": None if days is None else round(days, 1),
    }
    return {name: value for name, value in figures.items() if value is not None}


def _quantiles(latencies_ms: Mapping[str, Sequence[float]]) -> dict[str, object | None]:
    figures: dict[str, object | None] = {}
    for stage, values in latencies_ms.items():
        ordered = sorted(values)
        for name, percent in (("p50", 50), ("p99", 99)):
            at = len(ordered) * percent // 100
            figures[f"{stage}_{name}_ms"] = round(ordered[at], 2) if ordered else None
    return figures


def excess(*, place: Path, min_free_bytes: int, max_memory_bytes: int) -> tuple[str, str] | None:
    """Return which limit is exceeded, as a word and a sentence; ``None`` if none is."""
    if free_bytes(place) < min_free_bytes:
        return "disk", f"less than {min_free_bytes // _MIB} MiB are free"
    memory = resident_bytes()
    if max_memory_bytes and memory is not None and memory > max_memory_bytes:
        return "memory", f"more than {max_memory_bytes // _MIB} MiB of memory are in use"
    files = open_files()
    if files is not None and files > _files_max():
        return "files", f"{files} files are open, close to the limit of the system"
    return None


def _files_max() -> float:
    """Return nine tenths of the files that this process may open."""
    if sys.platform == "win32":
        return float("inf")
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return float("inf") if soft == resource.RLIM_INFINITY else soft * 0.9
