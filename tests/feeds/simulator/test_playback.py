"""Recordings: verbatim, in order, folded on the way; and damage that is said."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from eventlog.records import BookUpdate, Undecodable
from feeds.book import Book
from feeds.btcmarkets.protocol import decode
from feeds.errors import RecordingUnreadable
from feeds.simulator.frames import checksum_of
from feeds.simulator.market import SyntheticMarket
from feeds.simulator.playback import Recording
from feeds.simulator.scenario import SCENARIOS

RECORDINGS = Path(__file__).parents[4] / "shared" / "recordings"


def recorded(market: str = "BTC-AUD", *, steps: int = 50) -> list[tuple[int, str]]:
    """Return the frames of a synthetic market, its snapshot first."""
    source = SyntheticMarket(market, SCENARIOS["calm"], seed=1, start_ns=10**18)
    frames = [frame.text for _ in range(steps) for frame in source.advance()]
    whole = SyntheticMarket(market, SCENARIOS["calm"], seed=1, start_ns=10**18)
    return [(10**18 + place, text) for place, text in enumerate([whole.snapshot(market), *frames])]


def written(path: Path, frames: list[tuple[int, str]], *, separator: str = "") -> Path:
    lines = [
        f'{{"at":{separator}{at},{separator}"frame":{separator}{text}}}\n' for at, text in frames
    ]
    path.write_bytes(zstandard.compress("".join(lines).encode()))
    return path


def played(recording: Recording) -> list[tuple[int, str]]:
    frames: list[tuple[int, str]] = []
    while (due_ns := recording.due_ns) is not None:
        frames += [(due_ns, frame.text) for frame in recording.advance()]
    return frames


@pytest.mark.parametrize("separator", ["", " "])
def test_every_frame_is_played_verbatim(tmp_path: Path, separator: str) -> None:
    """Frames come out as the very texts that went in, each at its time, then no more."""
    frames = recorded()

    recording = Recording(written(tmp_path / "r.zst", frames, separator=separator))

    assert recording.markets == ("BTC-AUD",)
    assert played(recording) == frames
    assert recording.due_ns is None


def test_a_snapshot_in_the_middle_continues_with_the_rest(tmp_path: Path) -> None:
    """The snapshot of a moment plus the deltas after it is the book, checksum by checksum."""
    recording = Recording(written(tmp_path / "r.zst", recorded(steps=300)))
    assert recording.snapshot("BTC-AUD") is None
    for _ in range(100):
        recording.advance()
    joined = Book()
    text = recording.snapshot("BTC-AUD")
    assert text is not None
    snapshot = decode(text, 0)
    assert isinstance(snapshot, tuple)
    assert isinstance(snapshot[1], BookUpdate)
    joined.apply(snapshot[1])

    verified = 0
    for _, frame in played(recording):
        event = decode(frame, 0)
        if isinstance(event, tuple) and isinstance(event[1], BookUpdate):
            assert (event[1].snapshot_id or 0) >= (snapshot[1].snapshot_id or 0)
            joined.apply(event[1])
            assert checksum_of(joined) == event[1].checksum
            verified += 1

    assert verified > 100


def test_a_recorded_frame_may_be_broken(tmp_path: Path) -> None:
    """What was recorded as nonsense is played as nonsense, and folded into nothing."""
    broken = '{"marketId":"BTC-AUD","messageType":"orderbookUpdate","bids":7}'

    recording = Recording(written(tmp_path / "r.zst", [(1, broken)]))

    assert played(recording) == [(1, broken)]
    event = decode(broken, 0)
    assert isinstance(event, tuple)
    assert isinstance(event[1], Undecodable)
    assert recording.snapshot("BTC-AUD") is None


def test_keys_stand_in_any_order(tmp_path: Path) -> None:
    """What is between the braces is JSON and no pattern; the frame stays the text that it was."""
    frame = '{"messageType" : "tick", "bestBid":"1","marketId":"BTC-AUD","frame":{"at":2}}'
    line = f' {{ "more":[{{}}], "frame":\t{frame} , "at" : 1700000000000 }} \r\n'
    path = tmp_path / "r.jsonl"
    path.write_text(line, encoding="utf-8", newline="")

    assert played(Recording(path)) == [(1_700_000_000_000_000_000, frame)]


def test_several_markets(tmp_path: Path) -> None:
    """Markets are known before the first frame is played, and have a book each."""
    frames = [*recorded("BTC-AUD"), *recorded("ETH-AUD")]
    recording = Recording(written(tmp_path / "r.zst", frames))

    assert recording.markets == ("BTC-AUD", "ETH-AUD")
    played(recording)
    for market in recording.markets:
        assert json.loads(recording.snapshot(market) or "")["marketId"] == market


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that is not there is said in a sentence that names it."""
    with pytest.raises(RecordingUnreadable, match=r"r\.zst: No such file"):
        Recording(tmp_path / "r.zst")


def test_a_file_that_is_no_recording(tmp_path: Path) -> None:
    """Something else than zstd is refused."""
    path = tmp_path / "r.zst"
    for content in (b"", b"not compressed at all, by any means"):
        path.write_bytes(content)
        with pytest.raises(RecordingUnreadable):
            Recording(path)


@pytest.mark.parametrize(
    "line",
    [
        "not JSON",
        '{"at":1}',
        '{"at":"1","frame":{"marketId":"A-B","messageType":"tick"}}',
        '{"at":1,"frame":{"messageType":"tick"}}',
        '{"at":1,"frame":{"marketId":"A-B"}}',
        '{"at":1,"frame":{"marketId":"A-B","messageType":"weather"}}',
        '{"at":1,"frame":{"marketId":"A-B","messageType":"tick"}',
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    """The line counts from one, and is found before anything is played."""
    path = tmp_path / "r.zst"
    good = '{"at":1,"frame":{"marketId":"A-B","messageType":"tick"}}\n'
    path.write_bytes(zstandard.compress((good + line + "\n" + good).encode()))

    with pytest.raises(RecordingUnreadable, match="line 2") as caught:
        Recording(path)

    assert caught.value.line == 2


def test_every_cut_is_found(tmp_path: Path) -> None:
    """A file cut anywhere is damaged."""
    path = written(tmp_path / "r.zst", recorded(steps=300))
    whole = path.read_bytes()

    for size in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:size])
        with pytest.raises(RecordingUnreadable):
            Recording(path)


def test_a_cut_between_two_lines_is_found(tmp_path: Path) -> None:
    """Whole lines up to the cut do not make a file whole."""
    lines = [f'{{"at":{at},"frame":{text}}}\n'.encode() for at, text in recorded()]
    path = tmp_path / "r.zst"
    compressor = zstandard.ZstdCompressor().compressobj(size=sum(map(len, lines)))
    first = compressor.compress(lines[0]) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    rest = b"".join(compressor.compress(line) for line in lines[1:]) + compressor.flush()

    path.write_bytes(first + rest)
    assert len(played(Recording(path))) == len(lines)

    path.write_bytes(first)
    with pytest.raises(RecordingUnreadable, match=r"line 1: .*cut short"):
        Recording(path)


def test_every_flipped_byte_is_found_or_played(tmp_path: Path) -> None:
    """Damage inside the compressed data never becomes another error."""
    path = written(tmp_path / "r.zst", recorded(steps=30))
    whole = path.read_bytes()

    for place in range(0, len(whole), len(whole) // 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with suppress(RecordingUnreadable):
            played(Recording(path))


@pytest.mark.parametrize("name", ["btcusdt", "ethusdt"])
def test_the_recordings_we_have(name: str) -> None:
    """The recordings beside the project fold to every checksum that they carry."""
    path = RECORDINGS / f"binance-{name}-20240808.frames.jsonl.zst"
    if not path.exists():
        pytest.skip("no ../shared/recordings beside the project")
    book, verified = Book(), 0

    for _, frame in played(Recording(path)):
        event = decode(frame, 0)
        assert isinstance(event, tuple)
        assert not isinstance(event[1], Undecodable)
        if isinstance(event[1], BookUpdate):
            book.apply(event[1])
            if event[1].checksum is not None:
                assert checksum_of(book) == event[1].checksum
                verified += 1

    assert verified == {"btcusdt": 6_493, "ethusdt": 6_468}[name]
