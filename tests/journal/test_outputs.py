"""Files for others: whole or not there, never over another's, never in a journal."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.exit_codes import Exit, code_of
from fixtures.record import HERE
from journal import outputs
from journal.errors import CommandError
from tests.support.commands import trader


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of one's own, with a recorded journal."""
    return Path(shutil.copytree(HERE / "gap", tmp_path / "home"))


def contents(directory: Path) -> dict[str, bytes]:
    """Return what the files below a directory hold, by their names."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


JOURNAL = "BTC-AUD"
SPELLINGS = {
    "a file of the log": "{home}/BTC-AUD/log/mark",
    "a new name in the log": "{home}/BTC-AUD/log/new.html",
    "a new directory in the log": "{home}/BTC-AUD/log/pages/new.html",
    "beside the log": "{home}/BTC-AUD/sessions.jsonl",
    "a checkpoint's directory": "{home}/BTC-AUD/checkpoints/new.html",
    "dots": "{home}/elsewhere/../BTC-AUD/log/mark",
    "a link to the log": "{home}/linked/mark",
    "a link to a file of it": "{home}/mark.html",
    "a link to a name that is not there": "{home}/dangling.html",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("force", [False, True])
def test_no_page_is_written_into_a_journal(home: Path, spelling: str, force: bool) -> None:
    """However its path is spelled, and --force changes nothing."""
    (home / "elsewhere").mkdir()
    (home / "linked").symlink_to(home / JOURNAL / "log")
    (home / "mark.html").symlink_to(home / JOURNAL / "log" / "mark")
    (home / "dangling.html").symlink_to(home / JOURNAL / "log" / "none")
    before = contents(home / JOURNAL)
    words = ["report", "--no-influences", "--html", SPELLINGS[spelling].format(home=home)]

    answer = trader(*words, *(["--force"] if force else []), "--home", str(home))

    assert answer.code == Exit.USAGE
    assert "lies in the journal" in answer.err
    assert contents(home / JOURNAL) == before


@pytest.mark.parametrize("name", ["all.csv", "all.parquet", "all.jsonl", "net.keras", "curves"])
def test_nothing_is_exported_into_a_journal(home: Path, name: str) -> None:
    """In none of the forms."""
    before = contents(home / JOURNAL)
    path = home / JOURNAL / "log" / name

    answer = trader("export", str(path), "--force", "--home", str(home))

    assert answer.code == Exit.USAGE
    assert "lies in the journal" in answer.err
    assert contents(home / JOURNAL) == before


def test_no_journal_is_made_inside_of_another(home: Path, tmp_path: Path) -> None:
    """As a home, as the home of a fork, and as that of a configuration."""
    inside = str(home / JOURNAL / "log")
    before = contents(home / JOURNAL)
    quotes = tmp_path / "quotes.csv"
    quotes.write_text("at,bid,ask\n1700000000000000000,1,2\n")

    for words in (
        ("init", "--home", inside),
        ("live", "--simulated", "--for", "1s", "--home", inside),
        ("import", str(quotes), "--market", "BTC-AUD", "--home", inside),
    ):
        answer = trader(*words)
        assert answer.code == Exit.USAGE, words
        assert "lies in the journal" in answer.err
    assert contents(home / JOURNAL) == before


def test_a_file_that_is_there_is_replaced_only_with_force(home: Path, tmp_path: Path) -> None:
    """Also where it is a link to it: then the file that is linked is replaced, and not the link."""
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    page.write_text("somebody's")
    link.symlink_to(page)
    words = ("report", "--no-influences", "--home", str(home), "--html", str(link))

    refused = trader(*words)

    assert (refused.code, page.read_text()) == (Exit.USAGE, "somebody's")
    assert "--force" in refused.err
    assert trader(*words, "--force").code == 0
    assert page.read_text().startswith("<!")
    assert link.is_symlink()


def test_a_hard_link_to_a_journals_file_loses_its_name_only(home: Path, tmp_path: Path) -> None:
    """What is replaced is the name: the file that the journal calls its own keeps its bytes."""
    before = contents(home / JOURNAL)
    linked = tmp_path / "page.html"
    os.link(home / JOURNAL / "log" / "mark", linked)

    assert trader("report", "--no-influences", "--home", str(home), "--html", str(linked)).code == 2
    outputs.write_text(linked, "a page", force=True)

    assert linked.read_text() == "a page"
    assert contents(home / JOURNAL) == before


def test_a_damaged_journal_is_still_one(home: Path) -> None:
    """Neither a lost manifest nor a lost mark makes it a directory like others."""
    log = home / JOURNAL / "log"
    for name in ("MANIFEST", "mark"):
        (log / name).write_bytes(b"?")
        assert outputs.journal_around(log / "new.html") == home / JOURNAL

    assert outputs.journal_around(home / "new.html") is None


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, force: bool) -> None:
    """A directory, a pipe, a device."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(CommandError, match="is not a file"):
            outputs.write_text(path, "a page", force=force)
    assert Path("/dev/null").is_char_device()


def test_nothing_is_left_when_it_fails(tmp_path: Path) -> None:
    """Neither under its name nor under any other, and what was there is as it was."""
    path = tmp_path / "page.html"
    path.write_text("before")

    def fail(error: BaseException) -> None:
        with outputs.replacing(path, force=True) as temporary:
            temporary.write_text("half of it")
            raise error

    for error in (OSError("the disk is full"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fail(error)

    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
    assert path.read_text() == "before"


def test_nothing_is_left_on_a_full_disk(tmp_path: Path) -> None:
    """A file that may not grow stands for one: the system refuses the write either way."""
    program = (
        "import resource, signal, pathlib\n"
        "from journal import outputs\n"
        "from cli.exit_codes import code_of\n"
        "from journal.errors import CommandError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        f"    outputs.write_text(pathlib.Path({str(tmp_path / 'page.html')!r}), 'x' * 10_000, "
        "force=False)\n"
        "except CommandError as error:\n"
        "    print(int(code_of(error)), error)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )

    assert done.stdout == f"22 {tmp_path / 'page.html'}: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_meanwhile_stays(tmp_path: Path) -> None:
    """It was not there when the work began; it is somebody's all the same."""
    path = tmp_path / "page.html"

    def race() -> None:
        with outputs.replacing(path, force=False) as temporary:
            temporary.write_text("ours")
            path.write_text("theirs")

    with pytest.raises(CommandError, match="already"):
        race()

    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_is_none_is_named(tmp_path: Path) -> None:
    """Before any work is done."""
    (tmp_path / "file").write_text("")

    with pytest.raises(CommandError, match="is not a directory") as refused:
        outputs.check(tmp_path / "file" / "page.html", force=False)

    assert code_of(refused.value) == Exit.USAGE
