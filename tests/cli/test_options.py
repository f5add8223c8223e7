"""Options that several commands share mean the same everywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.record import HERE
from tests.support.commands import trader


@pytest.mark.parametrize("command", ["status", "verify", "log"])
def test_the_home_may_come_from_the_environment(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRADER_HOME stands in for --home, and --home wins."""
    monkeypatch.setenv("TRADER_HOME", str(HERE / "gap"))

    assert trader(command).code == 0
    assert trader(command, "--home", "nowhere").code == 10


def test_the_default_home_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without both it is the folder `journals` of the working directory."""
    monkeypatch.chdir(tmp_path)

    assert "journals has no journal" in trader("status").err


def test_a_shell_completes_commands_and_journals(tmp_path: Path) -> None:
    """Both come from names alone; TensorFlow is not loaded to say them."""

    def completed(*words: str) -> list[str]:
        environment = {
            **os.environ,
            "_TRADER_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["trader", *words]),
            "COMP_CWORD": str(len(words)),
            "TRADER_HOME": str(HERE / "gap"),
        }
        command = [sys.executable, "-c", "import sys; sys.argv[0] = 'trader'\n" + _MAIN]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        return done.stdout.split()

    assert "status" in completed("sta")
    assert completed("status", "--journal", "B") == ["BTC-AUD"]


_MAIN = """
from cli.main import app
app(prog_name="trader")
assert "tensorflow" not in sys.modules
"""
