"""A journal of any length, made of invented decisions through the log's own front door.

What its records say of all before them, and of trades that were compared, is what a session's say,
so that whoever opens it finds what a recorded one has. A whole state is kept at each session's
end; it is always the first.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from engine.checkpoint import Checkpoints
from engine.engine import Engine
from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.records import Gap, Health, Milestone, SessionEnded, SessionStarted
from eventlog.schema import batch_of, decimals
from feeds.deduplicator import COMPARED, COMPARED_NS
from journal.header import JournalHeader, session_detail
from journal.layout import JournalPath
from journal.reading.score import Score
from journal.reading.totals import carried
from journal.sidecar import SESSIONS, note

NAME = "BTC-AUD.invented"
_BATCH_TICKS = 16_384
_START_NS = 1_795_219_200_000_000_000
_TICK_NS = 50_000_000
_REASONS = np.array(["confidence too low", "edge below cost", "warming up"], object)


def invent(home: Path, ticks: int, *, sessions: int = 4) -> JournalPath:
    """Make a journal of so many quotes and their decisions, in so many sessions; it can be read.

    The last session was killed: what its last minute says is its newest word.
    """
    place = JournalPath(home, NAME)
    parameters = Parameters()
    engine = Engine.initial(parameters)
    initial_state = JournalHeader(parameters=parameters, initial_state=engine.digest)
    score = Score()
    with Log.open(place.log) as log:
        for session in range(sessions):
            first, end = ticks * session // sessions, ticks * (session + 1) // sessions
            detail = session_detail(
                initial_state,
                arithmetic="0" * 32,
                url="invented",
                resumed_from=None,
                predecessor=None,
                log=log,
            )
            now_ns = _START_NS + first * _TICK_NS
            began = SessionStarted(received_ns=now_ns, session=session + 1, detail=detail)
            away_ns = now_ns - 600 * _TICK_NS
            gap = Gap(received_ns=now_ns, from_ns=away_ns, to_ns=now_ns, why="not running")
            began_at = log.end
            note(place, SESSIONS, {"session": session + 1, "offset": began_at})
            log.append([began] if session == 0 else [began, gap])
            if session == 0:
                checkpoints = Checkpoints(place.checkpoints)
                checkpoints.keep_whole(engine, offset=0, chain=log.chain)
                checkpoints.close()
            for start in range(first, end, _BATCH_TICKS):
                now_ns = _START_NS + start * _TICK_NS
                count = min(_BATCH_TICKS, end - start)
                _append(log, score, start, count, ticks)
                said = carried(score, log, began=began_at)
                said |= {COMPARED: start, COMPARED_NS: now_ns + count * _TICK_NS}
                _note(log, start // _BATCH_TICKS, now_ns, said)
            if session < sessions - 1:
                said = carried(score, log, began=began_at)
                log.append([_ended(session + 1, _START_NS + end * _TICK_NS, said)])
            checkpoints = Checkpoints(place.checkpoints)
            checkpoints.keep_whole(engine, offset=log.end - 1, chain=log.chain)
            checkpoints.close()
            log.seal()
    return place


def _ended(session: int, now_ns: int, said: dict[str, object]) -> SessionEnded:
    return SessionEnded(received_ns=now_ns, session=session, why="done", detail=json.dumps(said))


def _note(log: Log, batch: int, now_ns: int, said: dict[str, object]) -> None:
    """Append a health sample, and now and then a milestone."""
    sample = {"latency_p50_ms": 8.0 + batch % 7, "latency_p99_ms": 50.0 + batch % 13}
    log.append([Health(received_ns=now_ns, detail=json.dumps({**sample, **said}))])
    if batch % 61 == 60:
        why = "grew" if batch % 3 == 0 else "drift"
        at = {"exchange_ns": now_ns, "received_ns": now_ns, "cause": log.end - 2}
        log.append([Milestone(**at, why=why, detail="{}")])


def _append(log: Log, score: Score, start: int, count: int, ticks: int) -> None:
    """Append quotes and their decisions, and add these to the score."""
    numbers = np.arange(start, start + count)
    times = _START_NS + numbers * _TICK_NS
    rng = np.random.default_rng(start)
    middle = 100_000 + 400 * np.sin(numbers / 90_000) + rng.normal(0, 4, count)
    bid_e8 = (middle * 100).astype(np.int64) * 10**6
    small = pa.array(np.full(count, 2, np.int8))
    cause = log.end + np.arange(count)
    quotes = {
        "offset": pa.array(np.zeros(count, np.int64)),
        "kind": pa.array(["quote"] * count),
        "exchange_ns": pa.array(times),
        "received_ns": pa.array(times),
        "bid": decimals(bid_e8),
        "ask": decimals(bid_e8 + 10**8),
        "last": decimals(bid_e8),
        "bid_decimals": small,
        "ask_decimals": small,
        "last_decimals": small,
    }
    log.append_batch(batch_of(quotes, count))
    progress = numbers / max(ticks, 1)
    p_up = np.clip(0.5 + rng.normal(0, 0.1, count), 0.01, 0.99).astype(np.float32)
    loss = (0.69 - 0.08 * (1 - np.exp(-6 * progress)) + rng.normal(0, 0.3, count)).clip(0.01)
    ones = np.ones(count, np.int32)
    fraction = pa.array(np.full(count, 0.5, np.float32))
    equity_e8 = ((10_000 + 20 * np.sin(numbers / 200_000)) * 1e8).astype(np.int64)
    decided = {
        "offset": pa.array(np.zeros(count, np.int64)),
        "kind": pa.array(["decision"] * count),
        "exchange_ns": pa.array(times),
        "received_ns": pa.array(times),
        "cause": pa.array(cause),
        "p_move": fraction,
        "p_up_raw": pa.array(p_up),
        "p_up": pa.array(p_up),
        "confidence": pa.array(np.maximum(p_up, 1 - p_up)),
        "edge_ppm": pa.array(rng.normal(0, 20, count).astype(np.float32)),
        "cost_ppm": pa.array(np.full(count, 17_010, np.float32)),
        "action": pa.array(["hold"] * count),
        "reason": pa.array(_REASONS[rng.integers(0, 3, count)], pa.string()),
        "loss": pa.array(loss.astype(np.float32)),
        "learning_rate": pa.array((1.5e-4 / np.sqrt(1 + progress)).astype(np.float32)),
        "trained": pa.array(ones),
        "resolved": pa.array(ones),
        "scored": pa.array(ones),
        "scored_hits": pa.array((rng.random(count) < 0.5 + 0.12 * progress).astype(np.int32)),
        "scored_loss": pa.array(loss.astype(np.float32)),
        "scored_baseline_loss": pa.array(np.full(count, 0.6925, np.float32)),
        "voided": pa.array(np.zeros(count, np.int32)),
        "equity": decimals(equity_e8),
        "cash": decimals(equity_e8),
        "position": decimals(np.zeros(count, np.int64)),
        "fingerprint": pa.array(rng.integers(0, 2**63, count).astype(np.uint64)),
    }
    score.add(log.append_batch(batch_of(decided, count)))
