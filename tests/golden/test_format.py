"""Logs of every released format are read for ever, and the specification is about real bytes."""

import re
import runpy
import shutil
from pathlib import Path

import pytest
from blake3 import blake3

import eventlog
from eventlog import frame, segment, watermark
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.manifest import first_chain
from eventlog.reader import Reader
from eventlog.records import KINDS, Candle, Health, MarketStatus, Milestone, Record
from eventlog.schema import NAMES, decode
from tests.support.strategies import quote

LOG = Path(__file__).parents[2] / "fixtures" / "format-1" / "log"
END_CHAIN = "bcda1da28fa5abc54b5a2010bf5afe67a9dcaaac68f79bb4bc4735852776e790"
SPECIFICATION = eventlog.__doc__ or ""


FIXTURES = Path(__file__).parents[2] / "fixtures"
END_CHAINS = {
    1: END_CHAIN,
    2: "9745efba220a14c737637c2405da294d2adaceb3e7d8848a24ce5b1328665516",
    3: "f24b7beba238265d1151ed3fcfd12e853e94e7f06af09f29b21ef50cc8f2c9f4",
}
"""Version of the records → the chain value at the end of the log that was made with it."""

SINCE: dict[int, set[type[Record]]] = {
    1: {Health, Milestone, MarketStatus, Candle},
    2: {MarketStatus, Candle},
    3: {Candle},
}
"""Version of the records → the kinds that came after its log was made."""


@pytest.fixture(scope="module", params=END_CHAINS)
def version(request: pytest.FixtureRequest) -> int:
    """A version of which a log is kept."""
    found: int = request.param
    return found


@pytest.fixture(scope="module")
def kept(version: int) -> Path:
    """The log that was made with it."""
    return FIXTURES / f"format-{version}" / "log"


@pytest.fixture(scope="module")
def expected(version: int) -> list[Record]:
    """The records that it was made of."""
    (maker,) = (FIXTURES / f"format-{version}").glob("*.py")
    return list(runpy.run_path(str(maker))["RECORDS"]) * 2


def records(log: Log | Reader) -> list[Record]:
    """Return all records of a log; their offsets have to be dense."""
    pairs = [pair for batch in log.read() for pair in decode(batch)]
    assert [offset for offset, _ in pairs] == list(range(len(pairs)))
    return [record for _, record in pairs]


def test_it_is_read(version: int, kept: Path, expected: list[Record]) -> None:
    """Every record of every kind is what it was, and the chain ends where it ended."""
    reader = Reader.open(kept)

    assert {type(record) for record in expected} == set(KINDS.values()) - SINCE[version]
    assert records(reader) == expected
    assert reader.chain.hex() == END_CHAINS[version]
    assert check(kept) == []


def test_it_goes_on(version: int, kept: Path, expected: list[Record], tmp_path: Path) -> None:
    """A writer of today opens a copy, seals what was closed, and appends."""
    later: list[Record] = [
        quote(0),
        Health(received_ns=1, detail="{}"),
        Milestone(exchange_ns=1, received_ns=1, cause=18, why="grew", detail='{"features": 9}'),
    ]
    shutil.copytree(kept, tmp_path / "log")
    with Log.open(tmp_path / "log") as log:
        assert (log.recovery.case, log.chain.hex()) == ("A", END_CHAINS[version])
        log.seal()
        log.append(later)
        assert records(log) == [*expected, *later]
        log.append(later)
        log._roll(0)
        log.seal()
        assert records(log) == [*expected, *later, *later]
    reader = Reader.open(tmp_path / "log")
    (detail,) = [
        batch.column("detail").to_pylist()
        for batch in reader.read(len(expected), columns=["detail"])
    ]
    assert detail == [None, "{}", '{"features": 9}'] * 2
    assert check(tmp_path / "log") == []


def hexadecimal(text: str) -> bytes:
    """Return the bytes of the first columns of a text: hexadecimal digits, then words."""
    line = re.compile(r"\s*((?:[0-9a-f]{2,}\s)*[0-9a-f]{2,})(?:\s{2}|$)")
    found = [line.match(text_line) for text_line in text.splitlines()]
    return bytes.fromhex("".join(match[1].replace(" ", "") for match in found if match))


def example(title: str) -> str:
    """Return the indented block that follows a title in the specification."""
    (found,) = re.findall(rf"{re.escape(title)}.*?::\n\n(.*?)(?:\n\n|\Z)", SPECIFICATION, re.DOTALL)
    return str(found)


def test_the_frames_of_the_specification_are_those_of_the_log() -> None:
    """The worked headers are the bytes at the stated places, field by field."""
    data = (LOG / segment.name(8)).read_bytes()

    assert hexadecimal(example("At byte 0 of the segment of offset 8")) == data[:64]
    assert hexadecimal(example("so the next frame begins at 64 + 1344 = 1408")) == data[1408:1472]
    assert (
        hexadecimal(example("The slot with the higher counter counts."))
        == (LOG / watermark.NAME).read_bytes()[:96]
    )


def test_the_chain_of_the_specification_is_computed_as_it_says() -> None:
    """From the identity in the manifest and the bytes of the frames, by the stated rule."""
    identity = bytes.fromhex(re.findall(r'"identity": "([0-9a-f]{32})"', SPECIFICATION)[0])
    assert identity.hex() in (LOG / "MANIFEST").read_text()
    values = re.findall(r"^    ([0-9a-f]{64})$", SPECIFICATION, re.MULTILINE)
    before_0, before_8 = (bytes.fromhex(value) for value in values)
    data = (LOG / segment.name(8)).read_bytes()
    reader = Reader.open(LOG)

    assert before_0 == first_chain(identity) == blake3(b"trader.eventlog" + identity).digest()
    assert reader.chain_after(7) == before_8[:16]
    after_8 = blake3(before_8 + data[1408:1472] + data[1472 : 1472 + 190]).digest()
    assert reader.chain_after(8) == after_8[:16]
    header = frame.header_at(data, 1408, before_8[:8])
    assert header is not None
    assert (header.first_offset, header.records, header.epoch) == (8, 1, 1)


def test_the_mask_of_the_specification_names_the_columns_that_it_says() -> None:
    """Bit by bit, from the body of the worked frame."""
    data = (LOG / segment.name(8)).read_bytes()
    header = frame.header_at(data, 1408, None)
    assert header is not None
    found = frame.frame_at(data, 1408, header=header, chain=header.link)
    assert isinstance(found, frame.Frame)
    mask = found.body()[:8]

    named = re.findall(r"``(\w+)``", SPECIFICATION[SPECIFICATION.index("it has ``offset``") :])[:6]
    assert mask == hexadecimal(example("and its mask is"))
    assert named[0] == "offset"
    assert {
        name for number, name in enumerate(NAMES[:54]) if mask[number // 8] >> number % 8 & 1
    } == set(named)


def test_the_specification_names_every_file_of_a_log() -> None:
    """Nothing stands in a log that is not described."""
    for path in LOG.iterdir():
        assert (path.suffix or f"``{path.name}``") in SPECIFICATION
