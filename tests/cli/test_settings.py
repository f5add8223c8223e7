"""File, environment and flags: the nearer wins, and nothing unknown is ignored."""

from pathlib import Path

import pytest

from cli.exits import CommandError
from cli.settings import settings
from engine.errors import ParameterError


def test_nothing_chosen_is_all_defaults(tmp_path: Path) -> None:
    """Without a file, variables or flags no parameter is chosen."""
    chosen = settings(tmp_path, None)

    assert chosen.engine == {}
    assert chosen.segment_bytes == 64 << 20
    assert chosen.min_free_bytes == 1 << 30


def test_the_nearer_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag beats the environment, which beats the file."""
    (tmp_path / "trader.toml").write_text(
        "[engine]\nfee_ppm = 1\ncash = 5000\nseed = 3\n[log]\nsegment_mib = 2\n"
    )
    monkeypatch.setenv("TRADER_ENGINE_FEE_PPM", "2")
    monkeypatch.setenv("TRADER_ENGINE_CASH", "6000")

    chosen = settings(tmp_path, ["fee_ppm=3", "engine.learning_rate=0.001"])

    assert chosen.engine == {"fee_ppm": 3, "cash": 6000, "seed": 3, "learning_rate": 0.001}
    assert chosen.segment_bytes == 2 << 20


@pytest.mark.parametrize(
    "text",
    ["[engine", "[motor]\nx = 1\n", "engine = 3\n", "\xff"],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str) -> None:
    """A broken file or an unknown section is refused, naming the file."""
    (tmp_path / "trader.toml").write_bytes(text.encode("latin-1"))

    with pytest.raises(CommandError) as caught:
        settings(tmp_path, None)

    assert caught.value.code == 3
    assert "trader.toml" in str(caught.value)


@pytest.mark.parametrize(
    "assignment",
    ["fee_pm=1", "fee_ppm=-1", "fee_ppm=x", "fee_ppm", "motor.x=1", "log.x=1", "log.segment_mib=0"],
)
def test_a_flag_that_sets_nothing(tmp_path: Path, assignment: str) -> None:
    """An unknown name or a value out of range is refused."""
    with pytest.raises(ParameterError):
        settings(tmp_path, [assignment])
