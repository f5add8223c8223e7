"""What a report says, as figures: the page, the terminal's tables and ``--json`` show these.

Values that a log does not hold, because it is of an earlier version or too short, are ``None`` and
are shown as a dash; nothing is made up for them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from cli.chronicle import Chronicle, Session
from cli.curves import Curves
from cli.frozen import Frozen
from cli.lines import time_of
from cli.notes import covered
from cli.reliability import BINS, Reliability, wilson
from cli.score import percent
from cli.uncertainty import Interval, blocked

Floats = npt.NDArray[np.float64]

_SMOOTHED = 40
"""Curves are means over a fortieth of all stretches."""

_PERIODS = 24
_KEPT = ("crossing", "turnover", "trips", "wins", "sharpe", "trust")
"""Figures of the account as the newest decision says them, as far as the log's version has them."""

_DIGITS, _EXACT = 7, 14


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
        "measures": _measures(told, learning),
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
        "words": _words(learning, frozen, money),
        "assumptions": _assumptions(told),
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
        "log_loss": _ratio(sums["scored_loss"].sum(), labels),
        "baseline_log_loss": _ratio(sums["scored_baseline_loss"].sum(), labels),
        "accuracy": _ratio(sums["scored_hits"].sum(), labels),
        "saved": _interval(blocked(saved, sums["scored"])),
        "skill": _ratio(saved.sum(), sums["scored_baseline_loss"].sum()),
        **{
            name: None
            if (others := _others(told.curves, column)) is None
            else _ratio(others.sum(), labels)
            for name, column in _BESIDE.items()
        },
        "steps": told.checkpoints[-1].steps if told.checkpoints else None,
    }


_BESIDE = {
    "rule_log_loss": "scored_rule_loss",
    "network_log_loss": "scored_network_loss",
    "rule_accuracy": "scored_rule_hits",
    "persistence_accuracy": "scored_persistence_hits",
}
"""What stands beside the learner, on the same labels: the imbalance rule, the network alone, and
that the last move goes on."""


def _others(drawn: Curves, column: str) -> Floats | None:
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
        "log_loss": _ratio(sums["loss"].sum(), labels),
        "frozen_log_loss": _ratio(sums["frozen_loss"].sum(), labels),
        "accuracy": _ratio(sums["hits"].sum(), labels),
        "frozen_accuracy": _ratio(sums["frozen_hits"].sum(), labels),
        "saved": _interval(blocked(saved, sums["scored"])),
        "skill": _ratio(saved.sum(), sums["frozen_loss"].sum()),
    }


def _money(told: Chronicle) -> dict[str, Any]:
    drawn = told.curves
    equity, price = _filled(drawn.lasts["equity"]), _filled(drawn.price_last)
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
    hold = _filled(drawn.lasts.get("holder_equity", np.full(drawn.count, np.nan)))
    if not np.isfinite(hold).any():
        hold = start * price / price[first]
    random = _filled(drawn.lasts.get("random_equity", np.full(drawn.count, np.nan)))
    gross = _filled(drawn.lasts.get("gross_equity", np.full(drawn.count, np.nan)))
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


def _measures(told: Chronicle, learning: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the measures of success by name: a figure, its unit, and what it means."""
    drawn = told.curves
    scored, saved = drawn.sums["scored"], drawn.sums["scored_baseline_loss"]
    saved = saved - drawn.sums["scored_loss"]
    better = _smooth(saved, scored)
    settled = better[np.isfinite(better)][len(better) // 10 :]
    first, last = _ends(saved, scored)
    sure, sure_last = _ends(drawn.means["confidence"], drawn.decisions)
    span_ns = max(int(drawn.time_ns[-1] - drawn.time_ns[0]), 1) if told.records else 1
    missing_ns = sum(max(gap["to_ns"] - gap["from_ns"], 0) for gap in told.gaps)
    tried = told.recoveries
    came_back = sum(1 for session in told.sessions if session.number > 1 and session.ticks)
    back = sum(1 for each in told.returns if each.labels is not None)
    sessions, gaps = len(told.sessions), len(told.gaps)

    def measure(
        name: str, value: float | None, unit: str, text: str, *, note: str = ""
    ) -> dict[str, Any]:
        return {"name": name, "value": value, "unit": unit, "text": text, "note": note}

    return [
        measure(
            "cumulative learning",
            float(saved.sum()) if learning["labels"] else None,
            "nats",
            "log-loss saved against the baseline, summed over all labels",
        ),
        measure(
            "learning velocity",
            None if first is None or last is None else last - first,
            "nats a label",
            "how much more is saved in the last quarter than in the first",
        ),
        measure(
            "adaptation speed",
            _adaptation(told),
            "labels",
            "median number of labels behind a drift mark until it saves what it saved before it",
            note=f"marks: {len(told.returns)}, back: {back}",
        ),
        measure(
            "session continuity",
            max(0.0, 1 - missing_ns / span_ns) if told.records else None,
            "share",
            "of the time that is recorded",
            note=f"sessions: {sessions}, gaps: {gaps}",
        ),
        measure(
            "recovery reliability",
            came_back / tried if tried else None,
            "share",
            "of the starts on what was there already that went on to decide",
            note=f"attempted: {tried}, succeeded: {came_back}",
        ),
        measure(
            "long-term stability",
            float((settled > 0).mean()) if len(settled) else None,
            "share",
            "of the time, after the first tenth, it was better than the baseline",
        ),
        measure(
            "confidence over time",
            None if sure is None or sure_last is None else sure_last - sure,
            "probability",
            "how much surer it is in the last quarter than in the first",
        ),
    ]


def _ends(sums: Floats, weights: Floats) -> tuple[float | None, float | None]:
    """Return the means of the first and of the last quarter of the weight."""
    total = weights.sum()
    if not total:
        return None, None
    reached = np.cumsum(weights)
    early, late = reached <= total / 4, reached > total * 3 / 4
    return _ratio(sums[early].sum(), weights[early].sum()), _ratio(
        sums[late].sum(), weights[late].sum()
    )


def _adaptation(told: Chronicle) -> float | None:
    """Return the median of labels until it was back, over all drift marks that had a before."""
    took = sorted(float("inf") if back.labels is None else back.labels for back in told.returns)
    middle = took[len(took) // 2] if took else float("inf")
    return None if middle == float("inf") else middle


def _periods(drawn: Curves, frozen: Frozen | None) -> list[dict[str, Any]]:
    """Return the journal in a few equal parts: the table that needs no script."""
    rows = []
    equity, price = _filled(drawn.lasts["equity"]), _filled(drawn.price_last)
    for cells in np.array_split(np.arange(drawn.count), min(_PERIODS, drawn.count)):
        labels = float(drawn.sums["scored"][cells].sum())
        rows.append(
            {
                "until": time_of(int(drawn.time_ns[cells[-1]])),
                "ticks": int(drawn.ticks[cells].sum()),
                "labels": int(labels),
                "log_loss": _ratio(drawn.sums["scored_loss"][cells].sum(), labels),
                "baseline_log_loss": _ratio(
                    drawn.sums["scored_baseline_loss"][cells].sum(), labels
                ),
                "frozen_log_loss": None
                if frozen is None
                else _ratio(
                    frozen.sums["frozen_loss"][cells].sum(), frozen.sums["scored"][cells].sum()
                ),
                "accuracy": _ratio(drawn.sums["scored_hits"][cells].sum(), labels),
                "fills": int(drawn.fills[cells].sum()),
                "equity": _newest(equity[cells]),
                "price": _newest(price[cells]),
            }
        )
    return rows


def _newest(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None


def _words(
    learning: dict[str, Any], frozen: dict[str, Any] | None, money: dict[str, Any]
) -> list[str]:
    """Return the answers in sentences, with no more certainty than there is."""
    said = []
    saved = learning["saved"]
    if saved is None:
        said.append("Is it learning? Too few labels to say.")
    else:
        word = {
            "above": "Yes: it foresees the direction better than the baseline",
            "below": "No: it foresees the direction worse than the baseline",
            "unclear": "Not distinguishable from the baseline",
        }[saved["verdict"]]
        said.append(
            f"Is it learning? {word}, by {saved['mean']:.4f} nats a label"
            f" (95 % interval {saved['low']:.4f} to {saved['high']:.4f})."
        )
    if frozen is not None:
        said.append(_frozen_words(frozen))
    over = money["over_hold"]
    if not money["fills"]:
        said.append("Did it make money? It has not traded: its account is what it was.")
    elif over is None:
        said.append("Did it make money? Too little to say.")
    else:
        word = {
            "above": "more than buying and holding",
            "below": "less than buying and holding",
            "unclear": "not distinguishable from buying and holding",
        }[over["verdict"]]
        said.append(
            f"Did it make money? {percent(money['gain'])} after {money['fees']:,.2f} in fees,"
            f" {word} (the difference is within {percent(over['low'])} and"
            f" {percent(over['high'])})."
        )
    return said


def _frozen_words(frozen: dict[str, Any]) -> str:
    question, saved = "Has going on learning paid?", frozen["saved"]
    if saved is None:
        return f"{question} Too few labels to say."
    word = {
        "above": "Yes: it foresees the direction better than itself",
        "below": "No: it foresees the direction worse than itself",
        "unclear": "Not distinguishable from itself",
    }[saved["verdict"]]
    return (
        f"{question} {word} as it was after {frozen['after'] + 1:,} records, learning no more, by"
        f" {saved['mean']:.4f} nats a label (95 % interval {saved['low']:.4f} to"
        f" {saved['high']:.4f})."
    )


def _assumptions(told: Chronicle) -> list[str]:
    parameters = told.rules.known
    fee = f", {parameters.fee_ppm} parts per million" if parameters.fee_ppm >= 0 else " by tier"
    horizon_s = parameters.horizon_ms / 1000
    sentences = f"""
        Everything is on paper: no order was ever sent, and there is no code that could.
        An order fills at a later tick than the one that decided it, at prices of the recorded book\
 or quote, as a taker; nothing is known of the fills that a real order would get.
        Fees are the exchange's taker fees{fee}; they are always charged, and figures after fees\
 are called net.
        Buying and holding is the mid's move since the first tick, where the log does not hold a\
 holder's account.
        A label is the direction of the mid after {horizon_s:g} s. A prediction is scored on what\
 was recorded before the label was known; the baseline is the running share of rises.
        Intervals are of 95 %, from consecutive blocks of time (batch means), because neighbours in\
 a market resemble each other.
    """
    return [line.strip() for line in sentences.strip().splitlines()]


_MARKS = {"drift": "drift", "grew": "growth"}
"""What a milestone says → how its mark is drawn; others are drawn alike."""


def series(told: Chronicle) -> dict[str, Any]:
    """Return what the page draws: columns of equal length, one row a stretch."""
    drawn = told.curves
    sums, scored = drawn.sums, drawn.sums["scored"]
    loss, width = _band(sums["scored_loss"], scored)
    hits, hits_width = _band(sums["scored_hits"], scored)
    equity = _filled(drawn.lasts["equity"])
    price = _filled(drawn.price_last)
    start = float(told.rules.known.cash)
    known = np.flatnonzero(np.isfinite(price))
    hold = _filled(drawn.lasts.get("holder_equity", np.full(drawn.count, np.nan)))
    if not np.isfinite(hold).any() and len(known):
        hold = start * price / price[known[0]]
    peaks = np.maximum.accumulate(np.where(np.isfinite(equity), equity, -np.inf))
    named = sorted(drawn.reasons, key=lambda reason: -drawn.reasons[reason].sum())
    offsets = (np.arange(drawn.count) + 1) * max(told.records, 1) / drawn.count - 1
    columns = {
        "time": drawn.time_ns / 1e9,
        "offset": np.floor(offsets),
        "loss": loss,
        "loss_low": loss - width,
        "loss_high": loss + width,
        "baseline": _filled(_smooth(sums["scored_baseline_loss"], scored)),
        **_beside_frozen(told.frozen),
        **{name: _curve(drawn, column) for name, column in _BESIDE.items()},
        "accuracy": hits,
        "accuracy_low": hits - hits_width,
        "accuracy_high": hits + hits_width,
        "equity": equity,
        "gross": _optional(drawn, "gross_equity"),
        "hold": hold,
        "random": _optional(drawn, "random_equity"),
        "drawdown": np.where(np.isfinite(equity), equity / peaks - 1, np.nan) * 100,
        "price": price,
        "price_low": np.where(np.isfinite(drawn.price_low), drawn.price_low, np.nan),
        "price_high": np.where(np.isfinite(drawn.price_high), drawn.price_high, np.nan),
        "learning_rate": _filled(drawn.lasts["learning_rate"]),
        "trust": _optional(drawn, "trust"),
        "confidence": _filled(_smooth(drawn.means["confidence"], drawn.decisions)),
        "p_move": _filled(_smooth(drawn.means["p_move"], drawn.decisions)),
        "ticks": drawn.ticks,
    }
    place_of = drawn.count / max(told.records, 1)

    def mark(offset: int, label: str, kind: str) -> dict[str, Any]:
        place = min(int(offset * place_of), drawn.count - 1)
        time_s = float(drawn.time_ns[place] / 1e9)
        return {"offset": offset, "time": time_s, "label": label, "kind": kind}

    return {
        "columns": {
            name: _rounded(values, _EXACT if name in ("time", "offset") else _DIGITS)
            for name, values in columns.items()
            if values is not None
        },
        "reasons": {
            reason: _rounded(_filled(_smooth(drawn.reasons[reason], drawn.decisions)) * 100)
            for reason in named[:6]
        },
        "fills": [
            {
                "offset": fill["offset"],
                "time": fill["received_ns"] / 1e9,
                "side": fill["side"],
                "price": fill["price"],
            }
            for fill in told.fills
        ],
        "marks": [
            *(
                mark(session.offset, f"session {session.number}", "session")
                for session in told.sessions
            ),
            *(
                mark(row["offset"], str(row["why"]), _MARKS.get(str(row["why"]), "other"))
                for row in told.milestones[-200:]
            ),
        ],
        "gaps": [
            {"from": gap["from_ns"] / 1e9, "to": gap["to_ns"] / 1e9} for gap in told.gaps[-500:]
        ],
    }


def _beside_frozen(frozen: Frozen | None) -> dict[str, Floats]:
    """Return what the frozen self loses, and what is saved on it, with a band."""
    if frozen is None:
        return {}
    scored, loss = frozen.sums["scored"], frozen.sums["frozen_loss"]
    # Before it froze, and behind where it was run to, there is nothing to draw.
    known = np.flatnonzero(scored)
    within = np.zeros(len(scored), bool)
    if len(known):
        within[known[0] : known[-1] + 1] = True
    saved, width = _band(loss - frozen.sums["loss"], scored)
    curves = {
        "frozen": _filled(_smooth(loss, scored)),
        "saved": saved,
        "saved_low": saved - width,
        "saved_high": saved + width,
    }
    return {name: np.where(within, curve, np.nan) for name, curve in curves.items()}


def _curve(drawn: Curves, column: str) -> Floats | None:
    """Return the running mean of what somebody else scored, or ``None``."""
    sums = _others(drawn, column)
    return None if sums is None else _filled(_smooth(sums, drawn.sums["scored"]))


def _optional(drawn: Curves, name: str) -> Floats | None:
    """Return a curve that only newer logs have, or ``None``."""
    values = drawn.lasts.get(name)
    return None if values is None or not np.isfinite(values).any() else _filled(values)


def _smooth(sums: Floats, weights: Floats) -> Floats:
    """Return a running mean over a fortieth of the stretches behind each; NaN without weight."""
    over = max(len(sums) // _SMOOTHED, 1)
    top, bottom = _window(sums, over), _window(weights, over)
    means: Floats = np.divide(top, bottom, out=np.full(len(sums), np.nan), where=bottom > 0)
    return means


def _band(sums: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return `_smooth` and `_width`, going on as they were where there was nothing."""
    return _filled(_smooth(sums, weights)), _filled(_width(sums, weights))


def _width(sums: Floats, weights: Floats) -> Floats:
    """Return the half width of a 95 % band about `_smooth`, from how the stretches scatter."""
    over = max(len(sums) // _SMOOTHED, 1)
    means = np.divide(sums, weights, out=np.zeros(len(sums)), where=weights > 0)
    used = (weights > 0).astype(np.float64)
    count = _window(used, over)
    mean = _window(means * used, over) / np.maximum(count, 1)
    spread = _window(means**2 * used, over) / np.maximum(count, 1) - mean**2
    enough = count >= 3
    width: Floats = np.where(
        enough, 1.96 * np.sqrt(np.maximum(spread, 0) / np.maximum(count - 1, 1)), np.nan
    )
    return width


def _window(values: Floats, over: int) -> Floats:
    total: Floats = np.cumsum(values)
    behind: Floats = np.concatenate([np.zeros(over), total[:-over]])[: len(values)]
    within: Floats = total - behind
    return within


def _filled(values: Floats) -> Floats:
    """Return the values with each gap filled by what was known before it."""
    known = np.isfinite(values)
    places = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    filled: Floats = np.where(places >= 0, values[np.maximum(places, 0)], np.nan)
    return filled


def _rounded(values: Floats, digits: int = _DIGITS) -> list[float | None]:
    """Return the values with so many digits, which a page's pixels do not need more of."""
    return [float(f"{x:.{digits}g}") if np.isfinite(x) else None for x in values.tolist()]


def _ratio(top: float, bottom: float) -> float | None:
    return float(top / bottom) if bottom else None


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
