"""`trader init` makes a home."""

from pathlib import Path

from journal.asked.settings import to_toml
from tests.support.commands import trader


def test_a_home_is_made_once(tmp_path: Path) -> None:
    """It states every setting; what is there is not touched without --force."""
    home = tmp_path / "a" / "home"
    answer = trader("init", "--home", str(home))

    assert answer.code == 0
    assert (home / "trader.toml").read_text() == to_toml()

    (home / "trader.toml").write_text("[engine]\nseed = 3\n")
    again = trader("init", "--home", str(home))

    assert again.code == 3
    assert "was not touched" in again.err
    assert (home / "trader.toml").read_text() == "[engine]\nseed = 3\n"
    assert trader("init", "--home", str(home), "--force", "--json").code == 0
    assert (home / "trader.toml").read_text() == to_toml()
