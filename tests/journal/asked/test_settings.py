"""File, environment and flags: the nearer wins, and nothing unknown is ignored."""

import os
from pathlib import Path

import pytest

from cli.exit_codes import code_of
from engine.errors import ParameterError
from journal.asked.settings import KNOWN, choices, manager, settings, tidy_environment, to_toml
from journal.errors import CommandError


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

    assert code_of(caught.value) == 3
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

    assert code_of(caught.value) == 3
    assert "must not hold keys" in caught.value.hint
    assert "x7" not in str(caught.value)


def odd(path: Path, kind: str) -> None:
    """Make something of this kind where the configuration is looked for."""
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "huge":
            with path.open("wb") as file:
                file.truncate(1 << 30)
        case "dangling":
            path.symlink_to("nowhere")
        case "loop":
            path.symlink_to(path.name)
        case "brackets":
            path.write_text("[engine]\nfee_ppm = " + "[" * 5_000)
        case "digits":
            path.write_text("[engine]\nfee_ppm = " + "9" * 5_000)
        case "date":
            path.write_text("[engine]\nfee_ppm = 2026-13-45")
        case "nul":
            path.write_bytes(b"[engine]\0")
        case "many":
            path.write_text("[engine]\n" + "\n".join(f"a{n} = 1" for n in range(20_000)))


@pytest.mark.parametrize(
    "kind",
    [
        *("directory", "pipe", "huge", "dangling", "loop", "brackets", "digits", "date", "nul"),
        "many",
    ],
)
def test_what_is_no_file_of_ours(tmp_path: Path, kind: str) -> None:
    """It is refused (3), naming the file, without waiting for anybody."""
    odd(tmp_path / "trader.toml", kind)

    with pytest.raises((CommandError, ParameterError)) as caught:
        settings(tmp_path, None)

    assert code_of(caught.value) == 3
    assert "trader.toml" in str(caught.value)


def test_a_mark_of_its_encoding_is_no_setting(tmp_path: Path) -> None:
    """As some editors write it."""
    (tmp_path / "trader.toml").write_bytes(b"\xef\xbb\xbf[engine]\nfee_ppm = 7\n")

    assert settings(tmp_path, None).engine == {"fee_ppm": 7}
    assert choices(tmp_path, None)["engine.fee_ppm"].origin.endswith("trader.toml:2")


@pytest.mark.parametrize(
    "value",
    ["[1]", "{a = 1}", "2026-01-01", "true", "nan", "inf", "'x'", '"""' + "y" * 9_999 + '"""'],
)
def test_a_value_of_another_type(tmp_path: Path, value: str) -> None:
    """Is refused in one short sentence."""
    (tmp_path / "trader.toml").write_text(f"[engine]\nlearning_rate = {value}\n")

    with pytest.raises(ParameterError) as caught:
        settings(tmp_path, None)

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["", "\n", "x" * 100_000, "9" * 5_000, "\udcff", "1e400"])
def test_a_variable_of_an_odd_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Is refused, naming the variable."""
    monkeypatch.setenv("TRADER_ENGINE_FEE_PPM", text)

    with pytest.raises(ParameterError, match="TRADER_ENGINE_FEE_PPM") as caught:
        settings(tmp_path, None)

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("width", ["", "0", "-3", "²", "wide", "9" * 5_000, "10001"])
def test_a_width_that_is_none(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    """Libraries that trust it are not given it; one that is plausible stays."""
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("LINES", "40")

    tidy_environment()

    assert "COLUMNS" not in os.environ
    assert os.environ["LINES"] == "40"


def test_a_watchdog_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is none of ours."""
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert manager()[1] is None

    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert manager()[1] == "1000"
