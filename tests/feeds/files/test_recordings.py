"""Recorded frames through the decoder of the socket."""

import json
from pathlib import Path

import pytest
import zstandard

from eventlog.records import Quote, Record, Undecodable
from eventlog.schema import decode
from feeds.errors import TableUnreadable
from feeds.files.layout import Layout
from feeds.files.recordings import readings

NOW_NS = 1_700_000_000_000_000_000

TICK = {
    "marketId": "BTC-AUD", "timestamp": "2019-04-08T20:54:27.632Z", "bestBid": "7844.72",
    "bestAsk": "7860.51", "lastPrice": "7845.44", "volume24h": "299.1", "messageType": "tick",
}  # fmt: skip


def recording(path: Path, *lines: str) -> Path:
    path.write_bytes(zstandard.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


def line(at: int, frame: object) -> str:
    return json.dumps({"at": at, "frame": frame})


def records_of(path: Path, market: str = "BTC-AUD") -> list[Record]:
    return [
        record
        for reading in readings(path, market, Layout())
        for _, record in decode(reading.batch)
    ]


def test_frames_are_what_the_socket_would_have_brought(tmp_path: Path) -> None:
    path = recording(
        tmp_path / "a.jsonl.zst",
        line(NOW_NS + 5, TICK),
        line(NOW_NS + 6, {**TICK, "bestBid": 7}),
        line(NOW_NS + 7, {**TICK, "marketId": "ETH-AUD"}),
        "nonsense",
        line(NOW_NS + 8, {"messageType": "heartbeat"}),
    )
    quote, wrong, nonsense = records_of(path)

    assert isinstance(quote, Quote)
    assert (quote.received_ns, quote.bid_e8) == (NOW_NS + 5, 784_472_000_000)
    assert isinstance(wrong, Undecodable)
    assert isinstance(nonsense, Undecodable)
    assert nonsense.raw == b"nonsense"
    (reading,) = readings(path, "BTC-AUD", Layout())
    assert (reading.refused, reading.noted) == (
        {"a frame that cannot be decoded": 1, 'not {"at": time, "frame": {...}}': 1},
        {},
    )
    assert reading.left_out == {
        "frames of other markets": 1, "heartbeats and other frames of no market": 1,
    }  # fmt: skip


def test_a_recording_that_is_damaged_or_of_another_market_is_refused(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.jsonl.zst", line(NOW_NS + 5, TICK))
    with pytest.raises(TableUnreadable, match="there are: BTC-AUD"):
        records_of(path, "ETH-AUD")
    path.write_bytes(b"no zstd")
    with pytest.raises(TableUnreadable):
        records_of(path)
    with pytest.raises(TableUnreadable, match="No such file"):
        records_of(tmp_path / "nothing.jsonl.zst")
