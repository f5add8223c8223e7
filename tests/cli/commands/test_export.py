"""`trader export` writes what the file's name says."""

import gzip
from pathlib import Path

import pytest
import zstandard

from fixtures.record import HERE
from tests.support.commands import trader

HOME = ("--home", str(HERE / "gap"))


def test_records_between_two_offsets(tmp_path: Path) -> None:
    """The summary counts them."""
    out = str(tmp_path / "some.parquet")
    answer = trader("export", out, *HOME, "-o", "10", "--to", "30", "--json")

    assert answer.code == 0
    assert answer.summary["records"] == 20
    assert trader("export", out, *HOME).code == 2
    assert trader("export", out, *HOME, "--force").code == 0


# Keras asks NumPy in a way that NumPy is about to drop; it is theirs to mend.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_network_at_an_offset(tmp_path: Path) -> None:
    """Up to --to, and the summary says after which record."""
    answer = trader("export", str(tmp_path / "model.keras"), *HOME, "--to", "901", "--json")

    assert answer.code == 0
    assert answer.summary["offset"] == 900


def test_curves_for_tensorboard(tmp_path: Path) -> None:
    """A directory gets an event file."""
    answer = trader("export", str(tmp_path / "curves"), *HOME, "--json")

    assert answer.code == 0
    assert answer.summary["points"]
    assert next((tmp_path / "curves").iterdir()).name.startswith("events.out.tfevents.")


@pytest.mark.parametrize("words", [("x.xls",), ("x.csv", "--kind", "tick")])
def test_what_cannot_be_written(words: tuple[str, ...]) -> None:
    """An unknown form or kind is a usage error, and nothing is made."""
    assert trader("export", *words, *HOME).code == 2
    assert not Path("x.xls").exists()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_what_is_compressed_is_the_same(tmp_path: Path, form: str, ending: str) -> None:
    """The suffix says so, and the same records are the same bytes each time."""
    plain, packed = tmp_path / f"x.{form}", tmp_path / f"x.{form}{ending}"
    for path in (plain, packed):
        assert trader("export", str(path), *HOME).code == 0
    opened = gzip.decompress if ending == ".gz" else unpacked
    first = packed.read_bytes()
    assert trader("export", str(packed), *HOME, "--force").code == 0

    assert opened(first) == plain.read_bytes()
    assert packed.read_bytes() == first


def unpacked(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_dash_is_stdout(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as in a file; what it was stands on stderr, and no file of that name is made."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / f"x.{form}"
    assert trader("export", str(out), *HOME, "--kind", "fill").code == 0
    answer = trader("export", "-", "--as", form, *HOME, "--kind", "fill")

    assert answer.code == 0
    assert answer.out == out.read_text()
    assert " records" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == [f"x.{form}"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["x.parket"], "Did you mean .parquet?"),
        (["x.parquet.gz"], "ends in .parquet.gz"),
        (["x.keras.zst"], "ends in .keras.zst"),
        (["-", "--as", "keras"], "ends in .keras"),
        (["-", "--as", "xls"], "ends in .xls"),
        (["x.gz"], "ends in .gz"),
    ],
    ids="abcdef",
)
def test_a_form_that_there_is_not(words: list[str], hint: str) -> None:
    answer = trader("export", *words, *HOME)

    assert answer.code == 2
    assert hint in answer.err
