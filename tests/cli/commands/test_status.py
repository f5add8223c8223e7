"""`trader status` says how a journal stands, from its files alone."""

import json
import shutil
from pathlib import Path

import pytest

from eventlog.log import Log
from eventlog.records import Health, SessionStarted
from feeds import clock
from fixtures.record import HERE, JOURNAL
from tests.support.commands import trader
from tests.support.golden import EXPECTED

RECORDS = EXPECTED["gap"]["records"]


def test_a_journal_that_was_stopped() -> None:
    """Its session ended on purpose; figures are of the newest whole state."""
    answer = trader("status", "--home", str(HERE / "gap"), "--json")

    assert answer.code == 0
    assert answer.summary["state"] == "stopped"
    assert answer.summary["records"] == RECORDS
    assert answer.summary["checkpoint_offset"] == RECORDS - 1
    assert answer.summary["paper"] is True


def test_a_journal_that_runs(tmp_path: Path) -> None:
    """While a writer holds the lock the journal is running, and reading disturbs nobody."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    with Log.open(tmp_path / "home" / JOURNAL / "log"):
        answer = trader("status", "--home", str(tmp_path / "home"), "--json")

    assert answer.summary["state"] == "running"


def test_damaged_checkpoints_do_not_hide_the_rest(tmp_path: Path) -> None:
    """A newest snapshot that does not check is passed over."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    newest = max((tmp_path / "home" / JOURNAL / "checkpoints").iterdir())
    newest.write_bytes(b"\0" * 100)

    answer = trader("status", "--home", str(tmp_path / "home"), "--json")

    assert answer.code == 0
    assert answer.summary["checkpoint_offset"] == 0


def test_people_see_that_it_is_paper() -> None:
    """PAPER stands first."""
    assert trader("status", "--home", str(HERE / "gap")).out.startswith("PAPER BTC-AUD")


def test_a_verification_is_shown(tmp_path: Path) -> None:
    """What verify said last, and when."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    assert trader("verify", "--quick", "--home", str(tmp_path / "home")).code == 0

    assert "clean (quick)" in trader("status", "--home", str(tmp_path / "home")).out


def test_all_journals_of_a_home(tmp_path: Path) -> None:
    """Without a name each has its row, or its line of JSON."""
    for market in ("BTC-AUD", "ETH-AUD"):
        shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / market)

    said = trader("status", "--home", str(tmp_path), "--json").out.splitlines()

    assert [json.loads(line)["journal"] for line in said] == ["BTC-AUD", "ETH-AUD"]
    assert trader("status", "--home", str(tmp_path)).out.count("-AUD") == 2
    one = trader("status", "--home", str(tmp_path), "--journal", "ETH-AUD").out
    assert one.count("PAPER") == 1


def written(home: Path, age_s: float) -> Path:
    """Return a home with a journal whose newest record is so old."""
    shutil.copytree(HERE / "gap", home)
    with Log.open(home / JOURNAL / "log") as log:
        log.append([Health(received_ns=clock.now_ns() - round(age_s * 1e9), detail="{}")])
    return home


def test_a_probe_tells_fresh_from_stale_and_from_ended(tmp_path: Path) -> None:
    """0 if it records and the newest record is new, 14 if that is old, 15 if it does not record."""
    words = ("status", "--max-age", "60s", "--home")
    home = written(tmp_path / "fresh", 1)
    old = written(tmp_path / "old", 3_600)

    assert trader(*words, str(home)).code == 15
    with Log.open(home / JOURNAL / "log"):
        assert trader(*words, str(home)).code == 0
    with Log.open(old / JOURNAL / "log"):
        answer = trader(*words, str(old), "--json")
    assert answer.code == 14
    assert answer.summary["state"] == "running"
    assert "--max-age 60s" in answer.err


def test_a_journal_that_was_killed_says_so(tmp_path: Path) -> None:
    """Without a session's end and without a writer it was killed."""
    home = tmp_path / "home"
    with Log.open(home / JOURNAL / "log") as log:
        log.append([SessionStarted(received_ns=clock.now_ns(), session=1, detail="{}")])
    answer = trader("status", "--home", str(home))

    assert answer.code == 0
    assert answer.out.startswith("PAPER BTC-AUD: killed, session 1\n  killed")
    assert trader("status", "--home", str(home), "--max-age", "60s").code == 15


def test_several_journals_are_a_row_each(tmp_path: Path) -> None:
    """Within eighty columns, and the probe is of all of them."""
    for name in ("BTC-AUD", "ETH-AUD.simulated", "X" * 16 + "-" + "Y" * 16 + ".imported"):
        shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / name)
    lines = trader("status", "--home", str(tmp_path)).out.splitlines()

    assert [line.split()[0] for line in lines[:3]] == ["PAPER", "BTC-AUD", "ETH-AUD.simulated"]
    assert len(lines) == 4
    assert max(map(len, lines)) <= 80
    assert all("stopped" in line for line in lines[1:])
    assert trader("status", "--home", str(tmp_path), "--max-age", "1d").code == 15


@pytest.mark.parametrize("watch", ["nan", "inf", "1e9", "0"])
def test_looking_again_takes_a_time(watch: str) -> None:
    assert trader("status", "--watch", watch, "--home", str(HERE / "gap")).code == 2
