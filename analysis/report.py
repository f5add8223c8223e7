"""What a report says, as figures: the page, the terminal's tables and ``--json`` show these.

Values that a log does not hold, because it is of an earlier version or too short, are ``None`` and
are shown as a dash; nothing is made up for them.
"""

from typing import Any

import numpy as np

from analysis.curves import Curves
from analysis.history import History, Session
from analysis.lines import time_of
from analysis.measures import measures
from analysis.reliability import BINS, Reliability, wilson
from analysis.smoothing import Floats, filled, ratio
from analysis.uncertainty import Interval, blocked
from analysis.verdicts import answers, assumptions
from engine.account.reasons import LATE
from journal.frozen import Frozen
from journal.sidecar import covered

_PERIODS = 24
_KEPT = ("spread_cost", "turnover", "round_trips", "winning_trips", "sharpe", "skill_confidence")
"""Figures of the account as the newest decision says them, as far as the log's version has them."""


def figures(told: History, verified: dict[str, Any] | None) -> dict[str, Any]:
    """Return all figures of a journal, as JSON can hold them."""
    learning, money, parameters = _learning(told), _money(told), told.rules.known
    frozen = _frozen(told.frozen)
    return {
        "journal": told.place.name,
        "paper": True,
        "records": told.records,
        "ticks": int(told.curves.decisions.sum()),
        "backfilled": int(told.curves.backfilled.sum()),
        "late": int(told.curves.reasons[LATE].sum()) if LATE in told.curves.reasons else 0,
        "first_ns": min((each.first_ns for each in told.sessions), default=None),
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
        "counts": {name: told.counts[name] for name in ("gaps", "milestones", "health")},
        "latency": told.latencies.to_json(),
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
        "seconds": max(session.last_ns - session.first_ns, 0) / 1e9,
        "ended": session.why if session.ended else "running" if session.running else "killed",
        "ticks": session.ticks,
        "labels": int(scored),
        "log_loss": session.loss / scored if scored else None,
        "baseline_log_loss": session.baseline_loss / scored if scored else None,
        "accuracy": session.hits / scored if scored else None,
        "trader": session.detail.get("versions", {}).get("trader"),
        "arithmetic": str(session.detail.get("arithmetic", ""))[:12],
    }


def _learning(told: History) -> dict[str, Any]:
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


def _money(told: History) -> dict[str, Any]:
    drawn = told.curves
    start = float(told.rules.known.cash)
    equity, hold = filled(drawn.lasts["equity"]), held(told)
    both = np.isfinite(equity) & np.isfinite(hold)
    first = int(np.argmax(both)) if both.any() else len(both)
    difference = (np.diff(equity[first:]) - np.diff(hold[first:])) / start
    return {
        "start": start,
        "stake": float(told.rules.known.order_cash),
        "equity": _newest(equity),
        "gain": _gain(equity, start),
        "gross_gain": _gain(_last(drawn, "gross_equity"), start),
        "market_gain": _market_gain(drawn),
        "hold_gain": _gain(hold, start),
        "random_gain": _gain(_last(drawn, "random_equity"), start),
        "drawdown": _drawdown(drawn),
        "fills": int(drawn.fills.sum()),
        "fees": float(drawn.fees.sum()),
        "price_first": drawn.price_first,
        "price_last": _newest(drawn.price_last),
        **{name: _kept(drawn, name) for name in _KEPT},
        "over_hold": _interval(blocked(difference, np.ones(len(difference))), len(difference)),
    }


def _kept(drawn: Curves, name: str) -> float | None:
    value = _newest(drawn.lasts[name]) if name in drawn.lasts else None
    return int(value) if value is not None and name in ("round_trips", "winning_trips") else value


def _last(drawn: Curves, name: str) -> Floats:
    return filled(drawn.lasts.get(name, np.full(drawn.count, np.nan)))


def _market_gain(drawn: Curves) -> float | None:
    """Return how much the price itself has changed, as a share of the first."""
    last = _newest(drawn.price_last)
    return None if last is None or not drawn.price_first else last / drawn.price_first - 1


def held(told: History) -> Floats:
    """Return the account of who bought at first, with the stake of one order, and holds.

    Version 1 kept none: there it is the stake that moves as the price did, without costs.
    """
    drawn, known = told.curves, told.rules.known
    hold = _last(drawn, "buy_hold_equity")
    if np.isfinite(hold).any() or not drawn.price_first:
        return hold
    return known.cash + known.order_cash * (filled(drawn.price_last) / drawn.price_first - 1)


def _gain(equity: Floats, start: float) -> float | None:
    last = _newest(equity)
    return None if last is None or not start else last / start - 1


def _drawdown(drawn: Curves) -> float | None:
    """Return the deepest fall from a peak, as a share of the peak."""
    seen = drawn.falls[np.isfinite(drawn.falls)]
    return float(seen.max()) if len(seen) else None


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
                "ticks": int(drawn.decisions[cells].sum()),
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
