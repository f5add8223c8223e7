"""What a report says, as figures: the page, the terminal's tables and ``--json`` show these.

Values that a log does not hold, because it is of an earlier version or too short, are ``None`` and
are shown as a dash; nothing is made up for them.
"""

from typing import Any

import numpy as np

from cli.chronicle import Chronicle, Session
from cli.curves import Curves
from cli.frozen import Frozen
from cli.lines import time_of
from cli.measures import measures
from cli.notes import covered
from cli.reliability import BINS, Reliability, wilson
from cli.smoothing import Floats, filled, ratio
from cli.uncertainty import Interval, blocked
from cli.words import answers, assumptions

_PERIODS = 24
_KEPT = ("crossing", "turnover", "trips", "wins", "sharpe", "trust")
"""Figures of the account as the newest decision says them, as far as the log's version has them."""


def figures(told: Chronicle, verified: dict[str, Any] | None) -> dict[str, Any]:
    """Return all figures of a journal, as JSON can hold them."""
    learning, money, parameters = _learning(told), _money(told), told.rules.known
    frozen = _frozen(told.frozen)
    return {
        "journal": told.place.name,
        "paper": True,
        "records": told.records,
        "ticks": int(told.curves.ticks.sum()),
        "first_ns": told.sessions[0].started_ns if told.sessions else None,
        "last_ns": int(told.curves.time_ns[-1]) if told.records else None,
        "parameters": told.rules.digest,
        "horizon_ms": parameters.horizon_ms,
        "verified": verified,
        "learning": learning,
        "money": money,
        "frozen": frozen,
        "calibration": _calibration(told.reliability),
        "holds": {
            reason: int(counts.sum())
            for reason, counts in sorted(
                told.curves.reasons.items(), key=lambda pair: -pair[1].sum()
            )
        },
        "measures": measures(told, learning),
        "sessions": [_session(session) for session in told.sessions],
        "checkpoints": [
            {
                "offset": facts.offset,
                "time": time_of(facts.time_ns) if facts.time_ns else None,
                "steps": facts.steps,
                "labels": facts.scored,
                "accuracy": facts.hits / facts.scored if facts.scored else None,
                "log_loss": facts.log_loss if facts.scored else None,
                "equity": facts.equity_e8 / 1e8,
                "digest": facts.digest,
                "verified": covered(facts.offset, verified),
            }
            for facts in told.checkpoints
        ],
        "damaged_checkpoints": told.damaged_checkpoints,
        "gaps": [
            {"from_ns": gap["from_ns"], "to_ns": gap["to_ns"], "why": gap["why"]}
            for gap in told.gaps
        ],
        "milestones": told.milestones,
        "health": told.health,
        "periods": _periods(told.curves, told.frozen),
        "words": answers(learning, frozen, money),
        "assumptions": assumptions(told),
    }


def _session(session: Session) -> dict[str, Any]:
    scored = session.scored
    return {
        "number": session.number,
        "offset": session.offset,
        "started": time_of(session.started_ns),
        "seconds": (session.last_ns - session.started_ns) / 1e9,
        "ended": session.why if session.ended else "killed, or still running",
        "ticks": session.ticks,
        "labels": int(scored),
        "log_loss": session.loss / scored if scored else None,
        "baseline_log_loss": session.baseline_loss / scored if scored else None,
        "accuracy": session.hits / scored if scored else None,
        "trader": session.detail.get("versions", {}).get("trader"),
        "arithmetic": str(session.detail.get("arithmetic", ""))[:12],
    }


def _learning(told: Chronicle) -> dict[str, Any]:
    sums = told.curves.sums
    labels = float(sums["scored"].sum())
    saved = sums["scored_baseline_loss"] - sums["scored_loss"]
    return {
        "labels": int(labels),
        "log_loss": ratio(sums["scored_loss"].sum(), labels),
        "baseline_log_loss": ratio(sums["scored_baseline_loss"].sum(), labels),
        "accuracy": ratio(sums["scored_hits"].sum(), labels),
        "saved": _interval(blocked(saved, sums["scored"])),
        "skill": ratio(saved.sum(), sums["scored_baseline_loss"].sum()),
        **{
            name: None
            if (theirs := others(told.curves, column)) is None
            else ratio(theirs.sum(), labels)
            for name, column in BESIDE.items()
        },
        "steps": told.checkpoints[-1].steps if told.checkpoints else None,
    }


BESIDE = {
    "rule_log_loss": "scored_rule_loss",
    "network_log_loss": "scored_network_loss",
    "rule_accuracy": "scored_rule_hits",
    "persistence_accuracy": "scored_persistence_hits",
}
"""What stands beside the learner, on the same labels: the imbalance rule, the network alone, and
that the last move goes on."""


def others(drawn: Curves, column: str) -> Floats | None:
    """Return what somebody else would have scored on the same labels, if the log holds it."""
    sums = drawn.sums.get(column)
    return None if sums is None or not sums.any() else sums


def _frozen(told: Frozen | None) -> dict[str, Any] | None:
    """Return the learner beside itself as it was, on the labels that came after."""
    if told is None:
        return None
    sums = told.sums
    labels = float(sums["scored"].sum())
    saved = sums["frozen_loss"] - sums["loss"]
    return {
        "after": told.after,
        "records": told.records,
        "labels": int(labels),
        "log_loss": ratio(sums["loss"].sum(), labels),
        "frozen_log_loss": ratio(sums["frozen_loss"].sum(), labels),
        "accuracy": ratio(sums["hits"].sum(), labels),
        "frozen_accuracy": ratio(sums["frozen_hits"].sum(), labels),
        "saved": _interval(blocked(saved, sums["scored"])),
        "skill": ratio(saved.sum(), sums["frozen_loss"].sum()),
    }


def _money(told: Chronicle) -> dict[str, Any]:
    drawn = told.curves
    equity, price = filled(drawn.lasts["equity"]), filled(drawn.price_last)
    known = np.isfinite(equity) & np.isfinite(price)
    if not known.any():
        return dict.fromkeys(
            (
                "start",
                "equity",
                "gain",
                "hold_gain",
                "random_gain",
                "gross_gain",
                "drawdown",
                *_KEPT,
            )
        ) | {"fills": 0, "fees": 0.0, "over_hold": None}
    first = int(np.flatnonzero(known)[0])
    start = float(told.rules.known.cash)
    hold = held(drawn, start)
    random = filled(drawn.lasts.get("random_equity", np.full(drawn.count, np.nan)))
    gross = filled(drawn.lasts.get("gross_equity", np.full(drawn.count, np.nan)))
    ours, theirs = np.diff(equity[first:]), np.diff(hold[first:])
    difference = (ours - theirs) / start
    return {
        "start": start,
        "equity": float(equity[-1]),
        "gain": float(equity[-1] / start - 1),
        "gross_gain": _gain(gross, start),
        "hold_gain": _gain(hold, start),
        "random_gain": _gain(random, start),
        "drawdown": _drawdown(drawn),
        "fills": int(drawn.fills.sum()),
        "fees": float(drawn.fees.sum()),
        **{name: _newest(drawn.lasts[name]) if name in drawn.lasts else None for name in _KEPT},
        "over_hold": _interval(blocked(difference, np.ones(len(difference))), len(difference)),
    }


def held(drawn: Curves, cash: float) -> Floats:
    """Return the account of who bought at first and holds; without one, the mid's move."""
    hold = filled(drawn.lasts.get("holder_equity", np.full(drawn.count, np.nan)))
    price = filled(drawn.price_last)
    known = np.flatnonzero(np.isfinite(price))
    return hold if np.isfinite(hold).any() or not len(known) else cash * price / price[known[0]]


def _gain(equity: Floats, start: float) -> float | None:
    return float(equity[-1] / start - 1) if np.isfinite(equity[-1]) else None


def _drawdown(drawn: Curves) -> float | None:
    """Return the deepest fall from a peak, as a share of the peak."""
    seen = np.isfinite(drawn.equity_high)
    if not seen.any():
        return None
    peaks = np.maximum.accumulate(drawn.equity_high[seen])
    return float((1 - drawn.equity_low[seen] / peaks).max())


def _calibration(told: Reliability) -> dict[str, Any]:
    return {
        "labels": told.labels,
        "error": told.calibration_error(),
        "error_raw": told.calibration_error(1),
        "brier": told.brier(),
        "brier_raw": told.brier(1),
        "bins": [
            {
                "said": float(told.said[0][place] / count),
                "rose": float(told.rose[0][place] / count),
                "count": int(count),
                "low": wilson(told.rose[0][place], count)[0],
                "high": wilson(told.rose[0][place], count)[1],
            }
            for place in range(BINS)
            if (count := told.counts[0][place])
        ],
    }


def _periods(drawn: Curves, frozen: Frozen | None) -> list[dict[str, Any]]:
    """Return the journal in a few equal parts: the table that needs no script."""
    rows = []
    equity, price = filled(drawn.lasts["equity"]), filled(drawn.price_last)
    for cells in np.array_split(np.arange(drawn.count), min(_PERIODS, drawn.count)):
        labels = float(drawn.sums["scored"][cells].sum())
        rows.append(
            {
                "until": time_of(int(drawn.time_ns[cells[-1]])),
                "ticks": int(drawn.ticks[cells].sum()),
                "labels": int(labels),
                "log_loss": ratio(drawn.sums["scored_loss"][cells].sum(), labels),
                "baseline_log_loss": ratio(drawn.sums["scored_baseline_loss"][cells].sum(), labels),
                "frozen_log_loss": None
                if frozen is None
                else ratio(
                    frozen.sums["frozen_loss"][cells].sum(), frozen.sums["scored"][cells].sum()
                ),
                "accuracy": ratio(drawn.sums["scored_hits"][cells].sum(), labels),
                "fills": int(drawn.fills[cells].sum()),
                "equity": _newest(equity[cells]),
                "price": _newest(price[cells]),
            }
        )
    return rows


def _newest(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None


def _interval(said: Interval | None, scale: float = 1.0) -> dict[str, Any] | None:
    if said is None:
        return None
    return {
        "mean": said.mean * scale,
        "low": said.low * scale,
        "high": said.high * scale,
        "blocks": said.blocks,
        "verdict": said.verdict,
    }
