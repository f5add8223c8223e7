"""Replay with learning, beside the loop that one writes with Keras alone; one run, one machine.

    uv run pytest tests/benchmarks/test_replay.py

Ours does everything: reading the log, folding the book and its checksums, features, labels, replay
memory, a training step at every tick, the account, the fingerprint, and the comparison with what
was recorded. The Keras loop only predicts one row and trains on one batch of as many rows, with the
same network, on features that are ready.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.journal import Genesis
from cli.rerun import Rerun, rerun
from engine.arithmetic import keras
from engine.chunks import chunks
from engine.engine import Engine, genesis
from engine.experts import EXITS
from engine.features import COUNT
from engine.network import build
from engine.parameters import Parameters
from engine.step import CHUNK_TICKS
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Input, SessionStarted
from feeds.btcmarkets.protocol import decode
from feeds.exchange.market import SyntheticMarket
from feeds.exchange.scenario import SCENARIOS

TICKS = 40_000
KERAS_TICKS = 300
MARKET = "BTC-AUD"
START_NS = 1_800_000_000 * 10**9


def market_records(count: int) -> list[Input]:
    """Return the first records of a made-up market, decoded from its frames."""
    market = SyntheticMarket(MARKET, SCENARIOS["calm"], seed=1, start_ns=START_NS)
    texts = [market.snapshot(MARKET)]
    while len(texts) < count:
        texts += [frame.text for frame in market.advance()]
    events = [decode(text, START_NS + index) for index, text in enumerate(texts[:count])]
    return [event[1] for event in events if isinstance(event, tuple)]


def recorded(directory: Path, parameters: Parameters) -> Reader:
    """Return a log of a made-up market, ticks and decisions, in commits of a chunk each."""
    engine = Engine.genesis(parameters)
    with Log.open(directory) as log:
        log.append([SessionStarted(received_ns=START_NS, session=1, detail="{}")])
        records = market_records(TICKS)
        for start in range(0, len(records), CHUNK_TICKS):
            batch = log.append(records[start : start + CHUNK_TICKS]).batch()
            log.append_batch(engine.advance(batch))
    return Reader.open(directory)


def keras_seconds_per_tick(parameters: Parameters) -> float:
    """Return how long predicting and training on one tick takes with Keras' own methods."""
    model: Any = build(parameters)
    model.compile(
        optimizer=keras.optimizers.Adam(parameters.learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    rows = parameters.fresh_rows + parameters.recent_rows + parameters.archived_rows
    draw = np.random.default_rng(0)
    features = draw.standard_normal((rows, COUNT)).astype(np.float32)
    labels = (draw.random((rows, 1 + EXITS)) < 0.5).astype(np.float32)
    for _ in range(20):
        model.predict_on_batch(features[:1])
        model.train_on_batch(features, labels)
    started_s = time.perf_counter()
    for _ in range(KERAS_TICKS):
        model.predict_on_batch(features[:1])
        model.train_on_batch(features, labels)
    return (time.perf_counter() - started_s) / KERAS_TICKS


def test_replay_beside_a_keras_loop(
    tmp_path: Path, benchmark: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Print ticks a second of both, and their ratio in each round."""
    parameters = Parameters()
    state = genesis(parameters)
    log = recorded(tmp_path / "log", parameters)
    start = Genesis(parameters=parameters, initial_state="")
    keras_s: list[float] = []

    def before() -> tuple[tuple[()], dict[str, object]]:
        keras_s.append(keras_seconds_per_tick(parameters))
        return (), {}

    def ours() -> Rerun:
        return rerun(log, start, state, after=0, end=log.end)

    outcome = benchmark.pedantic(ours, setup=before, rounds=5, warmup_rounds=1)

    assert outcome.divergence is None
    rates = sorted(TICKS / seconds for seconds in benchmark.stats.stats.data)
    ratios = sorted(
        keras_each * TICKS / seconds
        for keras_each, seconds in zip(keras_s[1:], benchmark.stats.stats.data, strict=True)
    )
    benchmark.extra_info["ticks_per_second"] = rates[2]
    benchmark.extra_info["times_keras"] = ratios[2]
    with capsys.disabled():
        print(
            f"\nreplay with learning: {rates[2]:,.0f} ticks/s (of five rounds {rates[0]:,.0f} to"
            f" {rates[-1]:,.0f})\nKeras predict_on_batch + train_on_batch:"
            f" {1 / sorted(keras_s)[len(keras_s) // 2]:,.0f} ticks/s\n"
            f"ratio: {ratios[2]:.0f} ({ratios[0]:.0f} to {ratios[-1]:.0f})"
        )
    assert sum(batch.num_rows for batch in chunks(log.read(), CHUNK_TICKS)) == log.end
