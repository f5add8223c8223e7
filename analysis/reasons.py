"""What a decision's reason means, in the figures that it rests on."""

from engine.parameters import Parameters
from eventlog.records import Decision

_MEANINGS = {
    "market not valid": "there is no best bid and ask to trust, so nothing is decided",
    "order pending": "an earlier order waits for its fill",
    "warming up": "fewer than {warm_up_labels:,} labels have been scored",
    "in position": "the account is long, and the expected gain ({edge}) does not say sell",
    "exit: edge gone": "the account is long and expects no gain any more ({edge})",
    "no skill to trust": "its predictions have not beaten the baseline: they count for nothing",
    "confidence too low": "confidence {confidence} is below {confidence_floor:g}",
    "edge below cost": "the expected gain {edge} is less than in and out cost, {cost}",
    "past edges did not pay": "{edge} would pay, but earlier edges as large did not come true",
    "not enough cash": "less than {order_cash:,} in cash",
    "too late to act on": "it was taken up more than {late_ms:,} ms after it was received:"
    " learned from, not traded on",
    "market not tradable": "the exchange takes no market orders, as it said last",
    "entry: edge above cost": "the expected gain {edge} is more than in and out cost, {cost}",
}
_NO_RISE = "it expects no rise ({edge}), and it does not sell short"


def meaning(decision: Decision, parameters: Parameters) -> str:
    """Return a decision's reason as a sentence; empty for one of another version of the policy."""
    text = _MEANINGS.get(decision.reason, "")
    if decision.reason == "confidence too low" and decision.edge_ppm <= 0:
        text = _NO_RISE
    return text.format(
        edge=f"{decision.edge_ppm:+.1f} ppm",
        cost=f"{decision.cost_ppm:,.1f} ppm",
        confidence=_confidence(decision),
        warm_up_labels=parameters.warm_up_labels,
        confidence_floor=parameters.confidence_floor,
        order_cash=parameters.order_cash,
        late_ms=parameters.late_ms,
    )


def _confidence(decision: Decision) -> str:
    """Return the confidence as the policy takes it: shrunk to what its recent skill supports."""
    if decision.skill_confidence is None:
        return f"{decision.confidence:.3f}"
    shrunk = 0.5 + decision.skill_confidence * (decision.confidence - 0.5)
    return f"{decision.confidence:.3f}, trusted so far that it counts as {shrunk:.3f},"
