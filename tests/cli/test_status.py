"""`trader status` says how a journal stands, from its files alone."""

import json
import shutil
from pathlib import Path

from cli.status import redrawn
from eventlog.log import Log
from fixtures.record import HERE, JOURNAL
from tests.commands import trader
from tests.golden.test_fixtures import EXPECTED

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


def test_the_four_questions_stand_on_one_screen() -> None:
    """Alive, learning, the account, and why it holds: in fewer lines than a terminal has."""
    lines = trader("status", "--home", str(HERE / "gap")).out.splitlines()
    labels = {line[2:16].strip() for line in lines[1:]}

    assert {"last record", "durable", "recently", "account", "last decision", "holds"} <= labels
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80


def test_a_verification_is_shown(tmp_path: Path) -> None:
    """What verify said last, and when."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    assert trader("verify", "--quick", "--home", str(tmp_path / "home")).code == 0

    assert "clean (quick)" in trader("status", "--home", str(tmp_path / "home")).out


def test_all_journals_of_a_home(tmp_path: Path) -> None:
    """Without a name each has its block, or its line of JSON."""
    for market in ("BTC-AUD", "ETH-AUD"):
        shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / market)

    said = trader("status", "--home", str(tmp_path), "--json").out.splitlines()

    assert [json.loads(line)["journal"] for line in said] == ["BTC-AUD", "ETH-AUD"]
    assert trader("status", "--home", str(tmp_path)).out.count("PAPER") == 2
    one = trader("status", "--home", str(tmp_path), "--journal", "ETH-AUD").out
    assert one.count("PAPER") == 1


def test_looking_again_draws_over_what_stood_there() -> None:
    """Shorter lines, and fewer of them, leave nothing behind; the screen is never empty."""
    assert redrawn(["a", "b"]) == "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J"
