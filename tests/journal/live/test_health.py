"""Samples of this very process, and limits."""

import os
from pathlib import Path

import pytest

from journal.live import health
from journal.live.health import Growth, excess
from tests.support.feed_states import state

MIB = 1 << 20


def test_a_sample_is_flat_and_says_its_units() -> None:
    """Words and numbers only; what is not known is absent."""
    figures = health.sample(
        state(),
        "A-B",
        free_bytes=5_000 * MIB,
        bytes_a_day=100.0 * MIB,
        latencies_ms={"recorded": [], "latency": [3, 1, 2]},
    )

    assert figures["feed"] == "streaming"
    assert figures["disk_free_mib"] == 5_000
    assert figures["disk_days_left"] == 50.0
    assert (figures["latency_p50_ms"], figures["latency_p99_ms"]) == (2, 3)
    assert "recorded_p50_ms" not in figures
    assert figures["loop_lag_ms"] == 1.5
    assert "clock_skew_ms" not in figures
    assert all(isinstance(value, str | int | float | bool) for value in figures.values())


def test_what_stands_in_the_way_is_in_the_word() -> None:
    """A market that does not stream says why."""
    broken = state(streaming=False, why="closed by the exchange (code 1001)")

    assert "1001" in health.feed_word(broken, "A-B")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")
def test_files_and_memory_are_this_process_s(tmp_path: Path) -> None:
    """One more file is one more; memory is some MiB at least."""
    before = health.open_files()
    with (tmp_path / "file").open("w"):
        assert before is not None
        assert health.open_files() == before + 1
    memory = health.resident_bytes()
    assert memory is not None
    assert memory > MIB


def test_a_journal_s_size(tmp_path: Path) -> None:
    """Every file below it."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a").write_bytes(b"x" * 10)
    (tmp_path / "b").write_bytes(b"x" * 5)

    assert health.size_bytes(tmp_path) >= 15


def test_growth_needs_a_minute() -> None:
    """Before, nothing is said; then it is per day, over the last hour at most."""
    growth = Growth()

    assert growth.look(0.0, 0) is None
    assert growth.look(30.0, 10) is None
    assert growth.look(60.0, 60) == 86_400.0


def test_limits(tmp_path: Path) -> None:
    """Each is named by a word and a sentence; within all of them there is nothing to say."""
    fine = {"place": tmp_path, "min_free_bytes": 0, "max_memory_bytes": 0}

    assert excess(**fine) is None  # type: ignore[arg-type]
    for change, word in (
        ({"min_free_bytes": 1 << 60}, "disk"),
        ({"max_memory_bytes": 1}, "memory"),
    ):
        found = excess(**{**fine, **change})  # type: ignore[arg-type]
        assert found is not None
        assert found[0] == word


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")
def test_too_many_open_files(tmp_path: Path) -> None:
    """Close to what the system allows is too many."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        while len(held) < 60 and (health.open_files() or 0) <= 58:
            held.append(os.open(tmp_path, os.O_RDONLY))
        found = excess(place=tmp_path, min_free_bytes=0, max_memory_bytes=0)
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert found is not None
    assert found[0] == "files"
