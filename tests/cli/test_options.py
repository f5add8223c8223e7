"""Options that several commands share mean the same everywhere."""

from pathlib import Path

import pytest

from fixtures.record import HERE
from tests.commands import trader


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
