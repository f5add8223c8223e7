"""A name that is none never becomes a path."""

from pathlib import Path

import pytest

from journal.asked.names import check_market, is_journal
from journal.errors import CommandError
from journal.layout import JournalPath, find, names
from tests.support.commands import trader

OUTSIDE = [
    *("../x", "..", ".", "", ".hidden", "a/b", "/etc"),
    *("a\\b", "a\nb", "x" * 65, "BTC-AUD\x00", "ä"),
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_place_is_outside_of_its_home(tmp_path: Path, name: str) -> None:
    """Whoever asks for one is refused before there is a path."""
    with pytest.raises(CommandError, match="no journal's name"):
        JournalPath(tmp_path, name)


@pytest.mark.parametrize("name", ["BTC-AUD", "BTC-AUD.simulated", "night_2", "0"])
def test_a_name_is_a_name(name: str) -> None:
    assert is_journal(name)


@pytest.mark.parametrize("command", ["live", "import", "exchange", "evaluate"])
@pytest.mark.parametrize("market", ["../../X", "btc-aud", "BTC/AUD", "A-B\x1b[2J"])
def test_a_market_is_checked_by_every_command(command: str, market: str, tmp_path: Path) -> None:
    """Refused as usage (2), with nothing made anywhere and nothing that acts in the answer."""
    home = tmp_path / "a" / "b" / "home"
    words = {
        "live": ["--simulated", "--for", "1s"],
        "import": [str(tmp_path / "x.csv")],
        "exchange": ["--port", "0"],
        "evaluate": ["--stream", "S1"],
    }[command]
    where = [] if command == "exchange" else ["--home", str(home)]
    answer = trader(command, "--market", market, *words, *where)

    assert answer.code == 2, answer.err
    assert "not a market's id" in answer.err
    assert "\x1b" not in answer.err
    assert list(tmp_path.rglob("*")) == []


def test_the_market_that_was_meant_is_named() -> None:
    with pytest.raises(CommandError) as refused:
        check_market("btc/aud")

    assert refused.value.hint == "Did you mean BTC-AUD?"


def test_a_journal_of_another_name_is_not_listed(tmp_path: Path) -> None:
    """Whoever made such a directory did not make it with a command of ours."""
    for name in ("BTC-AUD", "a\nb", ".hidden"):
        (tmp_path / name / "log").mkdir(parents=True)

    assert names(tmp_path) == ["BTC-AUD"]
    with pytest.raises(CommandError):
        find(tmp_path, "../BTC-AUD")
