"""`trader import`: recorded files become a journal that verifies."""

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.record import HERE
from journal.errors import CommandError
from journal.import_source import layout_of
from tests.support.commands import documented, trader
from tests.support.recorded import SMALL, table

ROOT = Path(__file__).parents[2]


def test_an_import_is_a_journal_that_verifies(tmp_path: Path) -> None:
    path = table(tmp_path / "ticks.csv", 3_000, dirty=True)
    words = ("import", str(path), "--market", "BTC-USDT", "--home", str(tmp_path / "home"))
    answer = trader(*words, *SMALL, "--json")

    assert answer.code == 0
    documented("import", answer.summary)
    assert answer.summary["journal"] == "BTC-USDT.imported"
    assert answer.summary["records"] == 3_000
    assert answer.summary["refused"] == {"bid is missing or not a number": 3}
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
        (("--market", "A-B", str(HERE.parent / "README.md")), "by its name"),
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


def test_what_is_read_is_recorded_or_left_out(tmp_path: Path) -> None:
    """Rows are records, duplicates and blank lines; and a reason is given for no label."""
    header = "at,price,size,trade_id"
    rows = [f"{1_700_000_000 + row},{100 + row},1,{row}" for row in range(300)]
    for name, part in (("a", rows[:200]), ("b", [*rows[150:], "", "odd"])):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *part]) + "\n", encoding="utf-8")
    words = [str(tmp_path / f"{name}.csv") for name in "ab"]
    home = ("--home", str(tmp_path / "home"))
    answer = trader("import", *words, "--market", "A-B", *home, *SMALL, "--json")

    assert answer.code == 0
    documented("import", answer.summary)
    said = answer.summary
    assert (said["rows"], said["records"], said["duplicates"]) == (352, 301, 50)
    assert said["left_out"] == {
        "blank lines": 1, "repeated trades, by their id": 50,
    }  # fmt: skip
    assert (said["undecodable"], said["labels"]) == (1, 0)
    assert "there is no quote" in str(said["nothing_learned"])
    assert [line.split(": ")[1][:24] for line in answer.err.splitlines()[:2]] == [
        "a table of 200 rows (200", "a table of 152 rows (150",
    ]  # fmt: skip


CHECKED = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        assert name.partition(".")[0] not in ("tensorflow", "keras"), name
sys.meta_path.insert(0, Refuse())
from cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"at,price,size\n1,2,3\n", "2009 to 2096"),
        (b"at,bid,ask\n" + b"1700000000,2\n" * 9, "2 cells where the header has 3"),
        (b"PAR1", "it is Parquet"),
        (b"\x1f\x8b\x08\x00", "Compressed file ended"),
        (b"\0" * 100, "zero bytes"),
    ],
)
def test_files_are_checked_before_tensorflow_is_loaded(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    command = [sys.executable, "-c", CHECKED, "import", str(path), "--market", "A-B"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)

    assert done.returncode == 2
    assert said in done.stderr
    assert str(path) in done.stderr
