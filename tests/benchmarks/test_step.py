"""The compiled step beside what the core can do at most: multiply matrices.

    uv run --group test pytest -s tests/benchmarks/test_step.py

A tick's matrix work is counted from its parameters; the share says how much of the step is that
work, and how much is everything else: small kernels, queues, the account, the fingerprint.
"""

import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from engine.engine import initial_state
from engine.executor.selection import executor_of
from engine.learner.experts import EXPERTS
from engine.learner.features import COUNT
from engine.learner.network import shapes
from engine.market import Market
from engine.parameters import Parameters
from engine.settings import settings_of
from engine.step import CHUNK_TICKS
from tests.support.markets import journal

SIZE = 512
ROUNDS = 15


def multiply_adds(parameters: Parameters) -> int:
    """Return the multiply-adds of the matrix products of a tick on which one label ripens.

    The network: a forward pass of a batch and the products that give its gradient, as many again
    (`engine.learner.network.gradient` takes what stands below a block as given), and one row that
    is predicted. The linear experts: a covariance times a vector, and a rank-one update of it.
    """
    rows = parameters.fresh_rows + parameters.recent_rows + parameters.archived_rows
    wide, _, deep, _, outputs = (int(np.prod(shape)) for shape in shapes(parameters.shape))
    forward = wide + deep + outputs
    filters = 2 * (2 * COUNT**2 + (EXPERTS - 1) ** 2)
    return rows * 2 * forward + forward + filters


def matrix_seconds() -> float:
    """Return how long one multiply-add takes in a product of two matrices, on one core."""
    draw = np.random.default_rng(0)
    left, right = (draw.standard_normal((SIZE, SIZE)).astype(np.float32) for _ in range(2))
    with threadpool_limits(1):
        started_s = time.thread_time()
        for _ in range(10):
            left @ right
        return (time.thread_time() - started_s) / (10 * SIZE**3)


def test_share_of_the_matrix_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """Print the step's processor time a tick, alone and in chunks, and the share it reaches."""
    parameters = Parameters()
    step = executor_of(parameters.shape)
    variables = step.hold(initial_state(parameters), settings_of(parameters))
    rows = Market.initial().fold(journal(CHUNK_TICKS))[:CHUNK_TICKS]
    chunk_s, tick_s, matrix_s = [], [], []

    for _ in range(ROUNDS):
        started_s = time.thread_time()
        step.run(variables, rows)
        chunk_s.append((time.thread_time() - started_s) / len(rows))
        started_s = time.thread_time()
        step.run(variables, rows[:1])
        tick_s.append(time.thread_time() - started_s)
        matrix_s.append(matrix_seconds())

    each = multiply_adds(parameters)
    rate, reached = 1 / sorted(matrix_s)[ROUNDS // 2], each / sorted(chunk_s)[ROUNDS // 2]
    with capsys.disabled():
        print(
            f"\na tick in a chunk of {len(rows)}: {sorted(chunk_s)[ROUNDS // 2] * 1e6:.1f} µs,"
            f" alone: {sorted(tick_s)[ROUNDS // 2] * 1e6:,.0f} µs of processor time\n"
            f"{each:,} multiply-adds a tick: {2 * reached / 1e9:.2f} GFLOP/s; matrices of {SIZE}:"
            f" {2 * rate / 1e9:.1f} GFLOP/s; share {reached / rate:.1%}"
        )
