"""The unit file is one that systemd accepts, and as hardened as it says."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.exit_codes import Exit

UNIT = Path(__file__).parents[2] / "deploy" / "trader.service"


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the unit with a program that exists here: systemd looks for it."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    text = UNIT.read_text().replace("/opt/trader/.venv/bin/trader", sys.executable)
    placed = tmp_path / "trader.service"
    placed.write_text(text)
    return placed


def test_systemd_accepts_it(unit: Path) -> None:
    """Not a word of complaint about it."""
    answer = analyze("verify", "--man=no", str(unit))

    complaints = [line for line in answer.stderr.splitlines() if "trader.service" in line]
    assert answer.returncode == 0, answer.stderr
    assert complaints == []


def test_it_is_hardened(unit: Path) -> None:
    """systemd's own score of exposure, 0 to 10, stays below 3."""
    answer = analyze("security", "--offline=yes", "--threshold=30", str(unit))
    if "Unknown" in answer.stderr or "unrecognized" in answer.stderr:
        pytest.skip("this systemd cannot judge a file")

    assert answer.returncode == 0, answer.stdout[-500:]


def test_it_does_not_start_again_what_needs_a_person() -> None:
    """The codes at which starting again would only repeat it, or do harm."""
    line = next(each for each in UNIT.read_text().splitlines() if "PreventExitStatus" in each)
    codes = {Exit(int(word)) for word in line.partition("=")[2].split()}

    assert codes == {
        *(Exit.USAGE, Exit.CONFIGURATION, Exit.CORRUPT, Exit.DIVERGED, Exit.CANNOT_VERIFY),
        *(Exit.INCOMPATIBLE, Exit.HALT),
    }
