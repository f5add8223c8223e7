"""`trader import`: recorded files become a journal that verifies."""

from pathlib import Path

import pytest

from cli.exits import CommandError
from cli.import_source import layout_of
from tests.commands import documented, trader
from tests.recorded import SMALL, table


def test_an_import_is_a_journal_that_verifies(tmp_path: Path) -> None:
    path = table(tmp_path / "ticks.csv", 3_000, dirty=True)
    words = ("import", str(path), "--market", "BTC-USDT", "--home", str(tmp_path / "home"))
    answer = trader(*words, *SMALL, "--json")

    assert answer.code == 0
    documented("import", answer.summary)
    assert answer.summary["journal"] == "BTC-USDT.imported"
    assert answer.summary["records"] == 3_000
    assert answer.summary["refused"] == {"bid is missing or no number": 3}
    assert answer.summary["noted"] == {"crossed": 3}
    home = ("--home", str(tmp_path / "home"))
    assert trader("verify", *home, "--deep").code == 0
    replay = trader("replay", *home, "--from", "beginning", "--json").summary
    assert replay["diverged_at"] is None
    assert replay["fingerprint"] == answer.summary["fingerprint"]
    again = trader(*words)
    assert again.code == 2, "an import that is finished is not touched"
    assert "finished import" in again.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--market", "btc", "a.csv"), "not a market's id"),
        (("--market", "A-B", "--map", "bd=x", "a.csv"), "COLUMN is one of"),
        (("--market", "A-B", "--time-unit", "days", "a.csv"), "not a unit"),
        (("--market", "A-B", "a.csv"), "No such file"),
        (("--market", "A-B", "a.doc"), "by its name"),
    ],
)
def test_what_cannot_be_imported_is_said_and_leaves_nothing(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    home = tmp_path / "home"
    answer = trader("import", *words, "--home", str(home))

    assert answer.code == 2
    assert said in answer.err
    assert not home.exists()


def test_a_layout_is_said_in_words() -> None:
    layout = layout_of(["at=time"], "ms")
    assert (layout.name("at"), layout.name("bid"), layout.time_unit) == ("time", "bid", "ms")
    with pytest.raises(CommandError, match="not COLUMN=NAME"):
        layout_of(["at"], "ns")
