"""Replay with learning, beside what one would write with Keras or River; one run, one machine.

    uv run --group test pytest -s tests/benchmarks/test_replay.py

Ours does everything: reading the log, folding the book and its checksums, features, labels, replay
memory, a training step at every tick, the account, the fingerprint, and the comparison with what
was recorded. The Keras loop only predicts one row and trains on one batch of as many rows, with the
same network, on features that are ready. The River loop asks and teaches a scaled logistic
regression once a tick, on as many features, which are ready too.
"""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from river import linear_model, preprocessing

from engine.arithmetic import keras
from engine.chunks import chunks
from engine.engine import Engine, initial_state
from engine.learner.experts import HEADS
from engine.learner.features import COUNT
from engine.learner.network import build
from engine.parameters import Parameters
from engine.step import CHUNK_TICKS
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Input, SessionStarted
from feeds.btcmarkets.protocol import decode
from feeds.simulator.market import SyntheticMarket
from feeds.simulator.scenario import SCENARIOS
from journal.header import JournalHeader
from journal.replay import rerun

ROUNDS = int(os.environ.get("TRADER_BENCH_ROUNDS", "5"))
TICKS = 40_000
KERAS_TICKS = 300
RIVER_TICKS = 2_000
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
    engine = Engine.initial(parameters)
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
    labels = (draw.random((rows, 1 + HEADS)) < 0.5).astype(np.float32)
    for _ in range(20):
        model.predict_on_batch(features[:1])
        model.train_on_batch(features, labels)
    started_s = time.perf_counter()
    for _ in range(KERAS_TICKS):
        model.predict_on_batch(features[:1])
        model.train_on_batch(features, labels)
    return (time.perf_counter() - started_s) / KERAS_TICKS


def river_seconds_per_tick() -> float:
    """Return how long asking and teaching River's scaled logistic regression takes."""
    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    draw = np.random.default_rng(0)
    features = draw.standard_normal((RIVER_TICKS, COUNT)).tolist()
    labels = (draw.random(RIVER_TICKS) < 0.5).tolist()
    started_s = time.perf_counter()
    for row, label in zip(features, labels, strict=True):
        sample = dict(enumerate(row))
        model.predict_proba_one(sample)
        model.learn_one(sample, label)
    return (time.perf_counter() - started_s) / RIVER_TICKS


def test_replay_beside_keras_and_river(tmp_path: Path) -> None:
    """Print ticks a second of each, and the ratio in each round; the first warms up."""
    parameters = Parameters()
    state = initial_state(parameters)
    log = recorded(tmp_path / "log", parameters)
    start = JournalHeader(parameters=parameters, initial_state="")
    took_s: dict[str, list[float]] = {"ours": [], "Keras": [], "River": []}
    for _ in range(1 + ROUNDS):
        keras_s, river_s = keras_seconds_per_tick(parameters), river_seconds_per_tick()
        began_s = time.perf_counter()
        outcome = rerun(log, start, state, after=0, end=log.end)
        seconds = (time.perf_counter() - began_s) / TICKS
        assert outcome.divergence is None
        for name, each in zip(took_s, (seconds, keras_s, river_s), strict=True):
            took_s[name].append(each)

    ours_s = took_s["ours"][1:]
    least, middle, most = np.quantile(1 / np.array(ours_s), (0, 0.5, 1))
    print(
        f"\nreplay with learning, {outcome.engine.executor}: {middle:,.0f} ticks/s"
        f" ({least:,.0f} to {most:,.0f})"
    )
    for name in ("Keras", "River"):
        others_s = np.array(took_s[name][1:])
        ratios = np.quantile(others_s / ours_s, (0, 0.5, 1))
        print(
            f"{name}: {1 / np.median(others_s):,.0f} ticks/s;"
            f" ratio {ratios[1]:.1f} ({ratios[0]:.1f} to {ratios[2]:.1f})"
        )
    assert sum(batch.num_rows for batch in chunks(log.read(), CHUNK_TICKS)) == log.end
