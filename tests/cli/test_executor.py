"""Commands that compute do so without TensorFlow, where the step's machine code is there."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.record import HERE, JOURNAL
from tests.support.recorded import SMALL, table

ROOT = Path(__file__).parents[2]
WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv[0] = "trader"
from cli.main import main
main()
"""
"""A program that finds no TensorFlow: an attempt to import it would end it."""


def ran(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def summary(answer: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert answer.returncode == 0, answer.stderr
    found: dict[str, object] = json.loads(answer.stdout.splitlines()[-1])
    return found


@pytest.fixture(autouse=True, scope="module")
def _code(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Have the code of the journals' step at hand: it is compiled once and kept.

    By a process of its own, whatever runs the step in this one. A machine that cannot run it
    without TensorFlow says so.
    """
    home = str(tmp_path_factory.mktemp("compiled"))
    words = ("live", "--simulated", "--max-ticks", "1", "--executor", "native", "--home", home)
    answer = subprocess.run(
        [sys.executable, "-m", "cli.main", *words, *SMALL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    refusal = [line for line in answer.stderr.splitlines() if "cannot be run without" in line]
    if answer.returncode and refusal:
        pytest.skip(refusal[0])
    assert answer.returncode == 0, answer.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(HERE / "gap", tmp_path / "home")
    return tmp_path / "home"


def test_a_session_runs_without_it(tmp_path: Path) -> None:
    words = ("live", "--simulated", "--max-ticks", "20", *SMALL, "--home", str(tmp_path), "--json")

    answer = ran(*words)

    assert summary(answer)["executor"] == "native"
    assert "native, found compiled" in answer.stderr
    log = ran("log", "--kind", "session_started", "--home", str(tmp_path), "--json")
    assert '"executor": "native"' in log.stdout.replace("\\", "")


def test_what_is_derived_again_is_so_without_it(home: Path) -> None:
    """The recorded decisions and states, bit for bit."""
    replayed = summary(ran("replay", "--from", "beginning", "--home", str(home), "--json"))
    verified = summary(ran("verify", "--deep", "--home", str(home), "--json"))

    assert (replayed["executor"], replayed["diverged_at"]) == ("native", None)
    assert (verified["executor"], verified["verdict"]) == ("native", "clean")


def test_a_fork_of_another_setting_runs_without_it(home: Path, tmp_path: Path) -> None:
    words = ("replay", "--set", "fee_ppm=50", "--out", str(tmp_path / "fork"))

    assert summary(ran(*words, "--home", str(home), "--json"))["message_type"] == "summary"


def test_an_import_and_an_evaluation_run_without_it(tmp_path: Path) -> None:
    rows = str(table(tmp_path / "rows.csv", 1_200))
    places = (*SMALL, "--home", str(tmp_path), "--json")

    assert summary(ran("import", rows, "--market", "BTC-AUD", *places))["executor"] == "native"
    assert summary(ran("evaluate", "--table", rows, "--baselines", "none", *places))


def test_readers_that_derive_something_do_so_without_it(home: Path) -> None:
    place = ("--home", str(home), "--json")

    assert summary(ran("why", "244", "--features", *place))
    assert summary(ran("report", "--frozen", "--influences", *place))["influences"]


def test_without_it_and_without_code_one_sentence_says_so(tmp_path: Path) -> None:
    """And a documented exit code."""
    words = ("live", "--simulated", "--max-ticks", "20", "--home", str(tmp_path / "home"))

    answer = ran(*words, XDG_CACHE_HOME=str(tmp_path / "cache"), TF_XLA_FLAGS="")

    assert answer.returncode == 3, answer.stderr
    assert "TensorFlow is needed here and cannot be loaded" in answer.stderr
    assert not (tmp_path / "home" / JOURNAL).exists()
