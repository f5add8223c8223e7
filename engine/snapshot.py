"""A whole state as bytes: chained frames, of which the first describes the others.

Pure: bytes in, bytes out. The first frame's body is JSON with `Facts` and the list of arrays; the
following frames hold the arrays' bytes in that order, split into parts that fit a frame. The facts
come first, so a listing reads only a few hundred bytes of each file. A snapshot is damaged if it is
truncated, or if the digest of its state is not the one in its facts.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.errors import CheckpointDamaged
from engine.state import Arrays, digest
from eventlog.frame import Frame, Kind, Link, Stop, build, frame_at, header_at, scan

_PART_BYTES = 8 << 20
_SELF_CHECK = "rehearsal."  # as it is recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The description of a snapshot, stored in it.

    ``offset`` is the last record that its state includes, ``chain`` the log's chain value there (in
    hexadecimal), ``digest`` the state's digest, ``parameters`` that of the parameters. The rest is
    for people: event time, training steps, and scores since the journal's first record.
    """

    offset: int
    chain: str
    digest: str
    parameters: str
    time_ns: int
    steps: int
    scored: int
    hits: int
    log_loss: float
    baseline_log_loss: float
    equity_e8: int


def facts_of(state: Arrays, *, offset: int, chain: bytes, parameters: str) -> Facts:
    """Return the facts of a state after the record at an offset."""
    scored, hits = state["tally.counts"][:2].tolist()
    loss, baseline_loss = state["tally.sums"][:2].tolist()
    market = state["market.scalars"]
    bid_e8, ask_e8, last_e8, book_seen, book_valid = market[2:7].tolist()
    valid = 0 < bid_e8 < ask_e8 and (book_valid or not book_seen)
    # Valued as in `engine.account.portfolio`: at the last price where there is no valid mid.
    middle_e8 = (bid_e8 + ask_e8) // 2 if valid else max(last_e8, 0)
    # Our cash and position by index, because the portfolio's module would load TensorFlow.
    cash_e8, position_e8 = state["portfolio.ledger"][:2, 0].tolist()
    value_e8 = position_e8 * middle_e8 // 10**8
    return Facts(
        offset=offset,
        chain=chain.hex(),
        digest=digest(state),
        parameters=parameters,
        time_ns=int(market[0]),
        steps=int(state["learner.steps"]),
        scored=scored,
        hits=hits,
        log_loss=loss / max(scored, 1),
        baseline_log_loss=baseline_loss / max(scored, 1),
        equity_e8=cash_e8 + value_e8,
    )


def encode(state: Arrays, facts: Facts, self_check: Arrays) -> tuple[list[bytes], bytes]:
    """Return the frames of a snapshot, and the chain value after the last frame, its name.

    The ``self_check`` (`engine.self_check`) is stored with the state and is not part of it.
    """
    kept = {**state, **{_SELF_CHECK + name: array for name, array in self_check.items()}}
    names = sorted(kept)
    arrays = [[name, kept[name].dtype.str, list(kept[name].shape)] for name in names]
    head = json.dumps({"facts": asdict(facts), "arrays": arrays}).encode()
    body = b"".join(np.ascontiguousarray(kept[name]).tobytes() for name in names)
    parts = [body[start : start + _PART_BYTES] for start in range(0, len(body), _PART_BYTES)]
    link, tag = start_of(facts.offset)
    frames: list[bytes] = []
    for part in (head, *parts):
        data, link = build(Kind.SNAPSHOT, part, count=0, link=link, tag=tag)
        frames.append(data)
    return frames, link.chain


class Snapshot(NamedTuple):
    """A valid snapshot. Its deltas continue the chain from ``name``."""

    state: Arrays
    facts: Facts
    name: bytes
    self_check: Arrays


def decode(data: bytes, path: Path, *, offset: int) -> Snapshot:
    """Return the snapshot that these bytes hold.

    Raises:
        CheckpointDamaged: if any check of it fails.
    """
    kept, facts, name = _decode(data, path, offset)
    state = {key: array for key, array in kept.items() if not key.startswith(_SELF_CHECK)}
    if digest(state) != facts.digest or facts.offset != offset:
        raise CheckpointDamaged(path, 0, "its state is not the one that it says")
    self_check = {
        key.removeprefix(_SELF_CHECK): array
        for key, array in kept.items()
        if key.startswith(_SELF_CHECK)
    }
    return Snapshot(state, facts, name, self_check)


def _decode(data: bytes, path: Path, offset: int) -> tuple[Arrays, Facts, bytes]:
    link, tag = start_of(offset)
    found = scan(data, link=link, tag=tag, kind=Kind.SNAPSHOT)
    if found.stop is not Stop.END or len(found.frames) < 2 or found.position != len(data):
        raise CheckpointDamaged(path, found.position, found.reason or "it is cut short")
    facts, arrays = _head(found.frames[0])
    kept = dict(_arrays(arrays, b"".join(frame.body() for frame in found.frames[1:])))
    if len(kept) != len(arrays):
        raise CheckpointDamaged(path, found.position, "it is cut short")
    return kept, facts, found.link.chain


def facts_in(data: bytes, path: Path, *, offset: int) -> Facts:
    """Return the facts from the beginning of a snapshot; only their frame is checked.

    Raises:
        CheckpointDamaged: if a check of that frame fails.
    """
    link, tag = start_of(offset)
    header = header_at(data, 0, tag)
    if header is None:
        raise CheckpointDamaged(path, 0, "no frame header")
    frame = frame_at(data, 0, header=header, chain=link.chain)
    if isinstance(frame, str):
        raise CheckpointDamaged(path, 0, frame)
    return _head(frame)[0]


def start_of(offset: int) -> tuple[Link, bytes]:
    """Return the chain link before the first frame of the snapshot at an offset, and its tag."""
    return Link(offset + 1, bytes(32), 0), offset.to_bytes(8, "little")


def _head(frame: Frame) -> tuple[Facts, list[tuple[str, str, list[int]]]]:
    head = json.loads(frame.body())
    return Facts(**head["facts"]), [(name, kind, shape) for name, kind, shape in head["arrays"]]


def _arrays(
    arrays: list[tuple[str, str, list[int]]], body: bytes
) -> Iterator[tuple[str, "np.ndarray[tuple[int, ...], np.dtype[np.generic]]"]]:
    start = 0
    for name, kind, shape in arrays:
        count = int(np.prod(shape, dtype=np.int64))
        size = count * np.dtype(kind).itemsize
        part = body[start : start + size]
        if len(part) < size:
            return
        yield name, np.frombuffer(part, kind).reshape(shape).copy()
        start += size
