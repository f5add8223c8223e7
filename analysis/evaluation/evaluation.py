"""One evaluation: the engine over a source, the others on its questions, and the table."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from analysis.evaluation import baselines as others
from analysis.evaluation.accounts import accounts
from analysis.evaluation.answers import NETWORK, OURS, Answers, SnapshotRequest, answers, frozen
from analysis.evaluation.questions import Questions, questions
from analysis.evaluation.report import report
from analysis.evaluation.sources import Source
from analysis.summaries import EvaluationSummary
from engine.market import Column, Rows
from engine.parameters import Parameters
from feeds import clock
from journal.errors import UsageError
from journal.progress import progress
from journal.reading.score import gain_of

Floats = npt.NDArray[np.float64]

FROZEN_SHARE = 0.25
"""After this share of a source or a journal the frozen model learns nothing more."""


def evaluation(
    source: Source,
    parameters: Parameters,
    variants: Mapping[str, Parameters],
    *,
    baselines: str,
    with_frozen: bool,
) -> EvaluationSummary:
    """Evaluate an engine with these parameters, and one with each variant's, on a source.

    Args:
        source: what is evaluated on.
        parameters: ours.
        variants: parameters of the other engines, by name.
        baselines: ``none``, ``rules``, ``fast`` or ``all``: see `EvaluationPlan`.
        with_frozen: whether the frozen model is evaluated, too.

    Raises:
        UsageError: if there is no tick, or no label moved, or ``memory_rows`` is too small.
    """
    snapshot = SnapshotRequest(int(source.ticks * FROZEN_SHARE))
    started_s = clock.monotonic_s()
    said = _run("evaluating", source, parameters, snapshot if with_frozen else None)
    seconds = clock.monotonic_s() - started_s
    asked = questions(said.rows, horizon_ms=parameters.horizon_ms)
    if not asked.moved.any():
        raise UsageError(f"{source.name}: no label has moved within the horizon")
    forecasts = {name: p_up[asked.tick] for name, p_up in said.forecasts.items()}
    if snapshot.state is not None:
        forecasts["ours, frozen at 25 %"] = _frozen(source, parameters, snapshot, asked)
    engines = {OURS: said}
    for name, variant in variants.items():
        answer = engines[f"with {name}"] = _run(name, source, variant, None)
        forecasts[f"with {name}"] = answer.forecasts[OURS][asked.tick]
    forecasts |= _others(asked, said, baselines)
    optimum = None if source.p_up is None else source.p_up[said.offsets][asked.tick]
    horizon_ns = parameters.horizon_ms * 1_000_000
    changes = np.searchsorted(said.offsets[asked.tick], source.changes).tolist()
    table = report(
        asked,
        forecasts,
        ours=OURS,
        persistence=others.PERSISTENCE,
        horizon_ns=horizon_ns,
        optimum=optimum,
        curves_of=(OURS, NETWORK),
        changes=tuple(changes),
    )
    return EvaluationSummary(
        source=source.name,
        venue=source.venue,
        horizon_ms=parameters.horizon_ms,
        parameters=asdict(parameters),
        ticks=len(said.rows),
        seconds=round(seconds, 3),
        forecasters=table.rows,
        curves=table.curves,
        adapting=table.adapting,
        labels=int(asked.moved.sum()),
        engine_labels=said.scored,
        engine_hits=said.hits,
        accounts=accounts(asked, engines, cash=parameters.cash, horizon_ns=horizon_ns),
        market_gain=_market_gain(said.rows[asked.tick]),
        not_installed=tuple(others.lacking()) if baselines in ("fast", "all") else (),
    )


def _market_gain(rows: Rows) -> float | None:
    """Return the move of the mid, as a share, from the first to the last of ticks that have one."""
    first_e8, last_e8 = (
        int(row[Column.BID_E8]) + int(row[Column.ASK_E8]) for row in (rows[0], rows[-1])
    )
    return gain_of(last_e8, first_e8)


def _run(
    label: str, source: Source, parameters: Parameters, snapshot: SnapshotRequest | None
) -> Answers:
    with progress(label, source.count) as advance:
        return answers(
            parameters,
            source.records(),
            advance=advance,
            rules=source.rules,
            snapshot=snapshot,
        )


def _frozen(
    source: Source, parameters: Parameters, snapshot: SnapshotRequest, asked: Questions
) -> Floats:
    """Return the forecasts of the frozen model, [predictions]; NaN before it was frozen."""
    after = snapshot.after_ticks
    with progress("frozen at 25 %", source.count) as advance:
        answer = answers(
            frozen(parameters),
            source.records(),
            advance=advance,
            rules=source.rules,
            state=snapshot.state,
            skip_ticks=after,
        )
    p_up = np.concatenate([np.full(after, np.nan), answer.forecasts[OURS]])
    return p_up[asked.tick]


def _others(asked: Questions, said: Answers, baselines: str) -> dict[str, Floats]:
    forecasts = {name: rule(asked) for name, rule in others.RULES.items()}
    if baselines == "none":
        return {name: forecasts[name] for name in (others.PRIOR, others.PERSISTENCE)}
    if baselines == "rules":
        return forecasts
    if len(said.features) != len(asked.tick):
        raise UsageError("memory_rows is too small to see what was predicted")
    for name, model in others.models(slow=baselines == "all").items():
        with progress(name, others.steps_of(name, len(asked.tick))) as advance:
            forecasts[name] = model(asked, said.features, advance)
    return forecasts
