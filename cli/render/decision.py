"""One decision on one screen: the tick, the prediction, and the condition that decided."""

from collections.abc import Iterator

from analysis.decision import Explanation
from analysis.lines import kind_of, matter, time_of
from cli.render.labels import labelled
from eventlog.records import ONLINE
from journal.reading.score import money, span

_FEATURES_SHOWN = 12
_REASONS_SHOWN = 5

_Facts = Iterator[tuple[str, str]]
"""Labels and texts; one without a label continues the one before."""


def to_lines(said: Explanation) -> Iterator[str]:
    """Yield what a person reads."""
    decision = said.decision
    yield f"PAPER {said.journal}, offset {said.offset:,}, {time_of(decision.received_ns)}"
    if said.note:
        yield f"({said.note})"
    yield f"{decision.action.upper()}: {decision.reason}"
    for part in (_expected, _seen, _outcome, _lineage, _reasons, _features):
        for label, text in part(said):
            yield from labelled(label, text, width=10)


def _expected(said: Explanation) -> _Facts:
    decision = said.decision
    if said.meaning:
        yield "because", said.meaning
    yield (
        "model",
        (
            f"p_up {decision.p_up:.3f} calibrated from {decision.p_up_raw:.3f},"
            f" p_move {decision.p_move:.3f}, confidence {decision.confidence:.3f}"
        ),
    )
    edge = f"{decision.edge_ppm:+.1f} ppm"
    yield "edge", f"{edge} against a cost of {decision.cost_ppm:,.1f} ppm"
    if decision.skill_confidence is not None and decision.edge_realisation is not None:
        skill = f"skill confidence {decision.skill_confidence:.2f}"
        yield "feedback", f"{skill}, edge realisation {decision.edge_realisation:.2f}"


def _seen(said: Explanation) -> _Facts:
    tick = said.tick
    yield "tick", f"{said.decision.cause:,} {kind_of(tick)} {matter(tick)}"
    if said.delay_ms is not None:
        bound = f"traded on up to {said.late_ms:,} ms"
        yield "delay", f"taken up {said.delay_ms:,.1f} ms after it was received; {bound}"
    for at, record in said.before:
        since_ms = (record.received_ns - tick.received_ns) / 1e6
        yield "before", f"{at:,} {kind_of(record)} {matter(record)}, {since_ms:+,.1f} ms"
    if said.market_status not in (None, ONLINE):
        yield "market", f"the exchange says {said.market_status}"


def _outcome(said: Explanation) -> _Facts:
    decision = said.decision
    yield (
        "learning",
        (
            f"{decision.trained} fresh labels, loss {decision.loss:.4f},"
            f" learning rate {decision.learning_rate:.2g}"
        ),
    )
    position = f"{decision.position_e8 / 1e8:g}"
    yield "account", f"equity {money(decision.equity_e8)}, position {position}"
    for at, fill in said.fills:
        yield "filled", f"at offset {at:,}, price {fill.price_e8 / 1e8:,.2f}"


def _lineage(said: Explanation) -> _Facts:
    kept = said.checkpoint
    after = "-" if kept is None else f"{kept.offset:,}"
    records = "-" if kept is None else f"{said.decision.cause - kept.offset:,}"
    yield (
        "lineage",
        (
            f"weights {said.decision.fingerprint:016x}, parameters {said.parameters}, state after"
            f" {after} and {records} records"
        ),
    )


def _reasons(said: Explanation) -> _Facts:
    total = said.reasons.total()
    within = "" if said.window_s is None else f" in the {span(said.window_s)} before"
    yield "reasons", f"of {total:,} decisions{within}:"
    for reason, count in said.reasons.most_common(_REASONS_SHOWN):
        yield "", f"{count / total:5.1%} {reason}"


def _features(said: Explanation) -> _Facts:
    derived = said.features
    if derived is None:
        return
    same = "identical to what was recorded" if derived.identical else "NOT as recorded"
    yield (
        "features",
        (
            f"derived again from {derived.from_checkpoint:,}, {derived.compared:,} effects"
            f" {same}; the strongest first:"
        ),
    )
    for row in derived.features[:_FEATURES_SHOWN]:
        yield "", f"{row.name:24} {row.value:+8.3f}  pulls {row.pull:+.4f}"
