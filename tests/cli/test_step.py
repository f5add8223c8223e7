"""A change of the code that decides is told from another machine, and from a change of comments."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import SessionEnded, SessionStarted
from fixtures.record import HERE, JOURNAL
from journal.header import header_of, session_detail
from journal.layout import SIMULATED, JournalPath
from journal.reading import scan, sessions

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("eventlog", "engine", "feeds", "journal", "analysis", "cli")
FEATURES = "engine/learner/features.py"
_CONSTANT = re.compile(r"(?<=[= ])\d+\.\d+")
RUN = "import sys; sys.argv[0] = 'trader'; from cli.main import main; main()"
NAME = JOURNAL + SIMULATED


def program(path: Path, old: str, new: str) -> Path:
    """Return a copy of the program with one text of the features replaced."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    text = (path / FEATURES).read_text(encoding="utf-8")
    assert old in text
    (path / FEATURES).write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with a recorded journal, whose newest session names this program's step."""
    home = tmp_path / "home"
    shutil.copytree(HERE / "gap" / JOURNAL, home / NAME)
    place = JournalPath(home, NAME)
    with Log.open(place.log) as log:
        before = scan.predecessor_of(log)
        assert before is not None
        newest = sessions.newest(log)
        assert newest is not None
        number = before.session + 1
        said = session_detail(
            header_of(log, place),
            arithmetic=newest.arithmetic,
            url="x",
            resumed_from=None,
            predecessor=before,
            log=log,
        )
        now_ns = before.last_received_ns
        log.append([SessionStarted(received_ns=now_ns, session=number, detail=said)])
        log.append([SessionEnded(received_ns=now_ns, session=number, why="x", detail="{}")])
    return home


def ran(program: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", RUN, *words, "--home", str(home)]
    return subprocess.run(line, cwd=program, capture_output=True, text=True, timeout=120)


def test_a_changed_constant_is_another_version(tmp_path: Path, home: Path) -> None:
    text = (ROOT / FEATURES).read_text(encoding="utf-8")
    constant = next(_CONSTANT.finditer(text.partition("\ndef ")[2])).group()
    changed = program(tmp_path / "program", constant, f"(2 * {constant})")
    last = str(Reader.open(JournalPath(home, NAME).log).end)

    for words in (
        ["live", "--simulated", "--market", JOURNAL],
        ["replay", "--from", "-5"],
        ["replay", "--from", "beginning"],
        ["verify", "--deep"],
    ):
        answer = ran(changed, home, *words)
        told = answer.stdout + answer.stderr
        assert answer.returncode == 12, (words, told)
        assert "recorded by another version of the step" in told, words
        assert told.count("trader 0.1.0, step") == 2, words

    assert ran(changed, home, "verify").returncode == 0
    status = ran(changed, home, "status", "--json")
    assert status.returncode == 0
    said = json.loads(status.stdout.splitlines()[-1])
    assert str(said["records"]) == last
    assert said["step"]["continues"] is False
    assert said["step"]["recorded"] != said["step"]["ours"]
    doctor = ran(changed, home, "doctor", "--offline", "--quick")
    assert doctor.returncode == 12
    assert "recorded by another version of the step" in " ".join(doctor.stdout.split())


def test_a_changed_comment_goes_on(tmp_path: Path, home: Path) -> None:
    same = program(tmp_path / "program", '"""', '"""Other words. ')
    before = Reader.open(JournalPath(home, NAME).log).end

    answer = ran(same, home, "live", "--simulated", "--market", JOURNAL, "--max-ticks", "3")

    assert answer.returncode == 0, answer.stderr
    log = Reader.open(JournalPath(home, NAME).log)
    assert log.end > before
    newest = sessions.newest(log)
    assert newest is not None
    assert newest.offset >= before
