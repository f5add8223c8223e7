"""File, environment and flags: the nearer wins, and nothing unknown is ignored."""

from pathlib import Path

import pytest

from cli.exits import CommandError
from cli.settings import KNOWN, choices, settings, to_toml
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
    ["fee_pm=1", "fee_ppm=-2", "fee_ppm=x", "fee_ppm", "motor.x=1", "log.x=1", "log.segment_mib=0"],
)
def test_a_flag_that_sets_nothing(tmp_path: Path, assignment: str) -> None:
    """An unknown name or a value out of range is refused."""
    with pytest.raises(ParameterError):
        settings(tmp_path, [assignment])


def test_the_written_file_chooses_nothing_and_states_everything(tmp_path: Path) -> None:
    """As it is written it changes no default; without its # every line is that default."""
    (tmp_path / "trader.toml").write_text(to_toml())
    assert choices(tmp_path, None) == {}

    bare = [
        line.removeprefix("# ") if " = " in line else line for line in to_toml().splitlines()[7:]
    ]
    (tmp_path / "trader.toml").write_text("\n".join(bare))
    chosen = choices(tmp_path, None)

    assert {key: choice.value for key, choice in chosen.items()} == {
        setting.key: setting.default for setting in KNOWN
    }


def test_an_origin_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a value comes from is the file's line, the variable, or the flag."""
    (tmp_path / "trader.toml").write_text("[log]\nsegment_mib = 2\n[engine]\n\nseed = 3\n")
    monkeypatch.setenv("TRADER_ENGINE_FEE_PPM", "2")

    chosen = choices(tmp_path, ["cash=5000"])

    assert chosen["engine.seed"].origin == f"{tmp_path / 'trader.toml'}:5"
    assert chosen["engine.fee_ppm"].origin == "TRADER_ENGINE_FEE_PPM"
    assert chosen["engine.cash"].origin == "--set"


def test_a_misspelt_line_is_named(tmp_path: Path) -> None:
    """The error says the line, and what was probably meant."""
    (tmp_path / "trader.toml").write_text("[log]\nsegmnt_mib = 2\n")

    with pytest.raises(ParameterError) as caught:
        settings(tmp_path, None)

    assert f"{tmp_path / 'trader.toml'}:2" in str(caught.value)
    assert caught.value.hint == "Did you mean log.segment_mib?"


def test_what_bounds_each_other_is_checked_together(tmp_path: Path) -> None:
    """An order may not be larger than the cash, wherever either was chosen."""
    (tmp_path / "trader.toml").write_text("[engine]\norder_cash = 20000\n")

    with pytest.raises(ParameterError):
        settings(tmp_path, None)
    assert settings(tmp_path, ["cash=20000"]).engine == {"order_cash": 20000, "cash": 20000}


@pytest.mark.parametrize(
    "text", ["[engine]\napi_secret = 'x7'\n", "[btcmarkets]\napi_key = 'x7'\n"]
)
def test_keys_of_an_account_are_refused(tmp_path: Path, text: str) -> None:
    """This program cannot trade, so it does not hold keys; their value is never repeated."""
    (tmp_path / "trader.toml").write_text(text)

    with pytest.raises(CommandError) as caught:
        settings(tmp_path, None)

    assert caught.value.code == 3
    assert "must not hold keys" in caught.value.hint
    assert "x7" not in str(caught.value)
