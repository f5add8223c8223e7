"""One damaged file of a log: what can be shown is shown, and what cannot is named (5)."""

import shutil
from pathlib import Path

import pytest

from cli import holes
from eventlog.log import Log
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from tests.support.commands import trader


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recorded journal in several sealed segments."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(HERE / "gap" / JOURNAL / "checkpoints", home / JOURNAL / "checkpoints")
    with Log.open(home / JOURNAL / "log", segment_bytes=1 << 16) as log:
        for batch in Reader.open(HERE / "gap" / JOURNAL / "log").read():
            for row in range(0, batch.num_rows, 16):
                log.append_batch(batch.slice(row, 16))
        log.seal()
    assert len(list((home / JOURNAL / "log").glob("*.parquet"))) > 2
    return home


@pytest.fixture(params=["first", "middle"])
def hurt(sealed: Path, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, int, int]:
    """A home in which one byte of a sealed segment is another; and what that makes unreadable."""
    home = tmp_path / "home"
    shutil.copytree(sealed, home)
    files = sorted((home / JOURNAL / "log").glob("*.parquet"))
    number = 0 if request.param == "first" else 1
    data = bytearray(files[number].read_bytes())
    data[len(data) // 2] ^= 1
    files[number].write_bytes(data)
    return str(home), int(files[number].stem), int(files[number + 1].stem)


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("log", "--from", "beginning"),
        ("report", "--no-influences"),
        ("export", "all.csv"),
        ("why",),
    ],
    ids=lambda words: words[0],
)
def test_the_rest_is_shown_and_the_hole_is_named(
    hurt: tuple[str, int, int], words: tuple[str, ...], tmp_path: Path
) -> None:
    """With the file, the first and the last offset, and what to do."""
    home, first, end = hurt
    words = tuple(str(tmp_path / word) if word.endswith(".csv") else word for word in words)

    answer = trader(*words, "--home", home)

    assert answer.code == 5
    assert f"{first:020}.parquet: offsets {first:,} to {end - 1:,} cannot be shown" in answer.err
    assert "Restore the file from a copy" in answer.err
    # This journal has one session, and only its first record says what it was recorded under.
    assert answer.out or (first == 0 and words[0] in ("report", "why"))


def test_no_record_that_can_be_shown_is_left_out(hurt: tuple[str, int, int]) -> None:
    """All but those of the file, in order, once."""
    home, first, end = hurt
    log = Reader.open(Path(home) / JOURNAL / "log", passing=lambda hole: None)

    answer = trader("log", "--from", "beginning", "--format", "{offset}", "--home", home)

    shown = [int(line.replace(",", "")) for line in answer.out.splitlines()]
    assert shown == [*range(first), *range(end, log.end)]


def test_nothing_is_said_where_nothing_of_it_was_wanted(hurt: tuple[str, int, int]) -> None:
    """The newest records of a journal whose old ones are damaged are shown as ever."""
    home, _, _ = hurt

    answer = trader("log", "--from", "-3", "--home", home)

    assert (answer.code, answer.err) == (0, "")
    assert holes.met() is None


def test_what_is_asked_of_the_hole_itself_is_answered_with_it(hurt: tuple[str, int, int]) -> None:
    """No traceback, and no other record in its place."""
    home, first, _ = hurt

    answer = trader("why", str(first + 3), "--home", home)

    assert answer.code == 5
    assert answer.out == ""
    assert "cannot be shown" in answer.err
