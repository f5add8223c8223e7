"""Everything that may be chosen about the engine, with unit, range and default.

A journal keeps the parameters of its first session for ever: they are part of what its decisions
follow from (I3). Other parameters make another journal (`trader replay --set … --out …`).
"""

import difflib
import json
from dataclasses import asdict, dataclass, field, fields
from hashlib import blake2b
from typing import Any

from engine.errors import ParameterError


def _parameter(default: Any, low: float, high: float, text: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "text": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The engine's parameters.

    Raises:
        ParameterError: if a value is out of its range.
    """

    seed: int = _parameter(1, 0, 2**31 - 1, "seed of initial weights and of every draw")
    horizon_ms: int = _parameter(
        1_000, 10, 86_400_000, "how far ahead the direction of the mid is predicted, in event time"
    )
    block_units: int = _parameter(16, 8, 256, "width of each of the network's three blocks")
    memory_rows: int = _parameter(
        8_192, 256, 1 << 20, "predictions remembered: those waiting for their label, then replayed"
    )
    archive_rows: int = _parameter(
        2_048, 256, 1 << 20, "older labelled samples remembered, thinned out"
    )
    fresh_rows: int = _parameter(4, 1, 64, "newly ripened labels in a training step, at most")
    recent_rows: int = _parameter(4, 0, 256, "remembered samples in a training step")
    archived_rows: int = _parameter(4, 0, 256, "archived samples in a training step")
    learning_rate: float = _parameter(
        3e-3, 0.0, 1.0, "step size of Adam for labels that do not overlap"
    )
    rate_control: float = _parameter(
        1.0, 0.0, 1.0, "how far the step size follows performance, volatility and drift; 0: not"
    )
    label_weight: float = _parameter(
        1.0, 0.0, 1.0, "how much a label teaches; 0: nothing more is learned"
    )
    exits_max: int = _parameter(3, 1, 3, "blocks of the network that may take part, at most")
    generated_max: int = _parameter(
        8, 0, 8, "features that the learner made for itself and that may take part, at most"
    )
    warm_up_labels: int = _parameter(500, 0, 10**9, "scored labels before the first order")
    warm_up_horizons: int = _parameter(
        30, 2, 10**6, "horizons over which decisions were judged before the first order"
    )
    feedback: float = _parameter(
        1.0, 0.0, 1.0, "how far what came of earlier decisions counts in the next ones; 0: not"
    )
    confidence_floor: float = _parameter(
        0.55, 0.5, 1.0, "calibrated probability below which to hold"
    )
    cash: int = _parameter(10_000, 1, 10**9, "paper money at the start, in the quote currency")
    order_cash: int = _parameter(1_000, 1, 10**9, "paper money put into one order")
    fee_ppm: int = _parameter(
        -1,
        -1,
        100_000,
        "taker fee, parts per million; -1: the venue's tiers (engine/venue_rules.py)",
    )
    latency_ms: int = _parameter(
        100, 0, 60_000, "event time that an order takes to the exchange, at least"
    )
    late_ms: int = _parameter(
        1_000,
        1,
        3_600_000,
        "delay, from received to taken up, beyond which a tick is not traded on",
    )
    amount_decimals: int = _parameter(
        8, 0, 8, "decimals of an order's amount; 8 is what the exchange has for BTC-AUD"
    )
    amount_min_e8: int = _parameter(
        10_000, 0, 10**15, "least amount of a buy, in 1e-8; 10000 is the exchange's for BTC-AUD"
    )

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            wanted = (int, float) if spec.type is float else (int,)
            if isinstance(value, bool) or not isinstance(value, wanted):
                raise ParameterError(spec.name, f"{value!r} is not a {_word(spec.type)}")
            if spec.type is float:
                # 1 and 1.0 are the same parameter, so they have to have the same digest.
                object.__setattr__(self, spec.name, float(value))
            low, high = spec.metadata["low"], spec.metadata["high"]
            if not low <= value <= high:
                raise ParameterError(spec.name, f"{value} is outside {low} … {high}")
        if self.order_cash > self.cash:
            raise ParameterError("order_cash", f"{self.order_cash} is more than cash {self.cash}")

    def to_json(self) -> str:
        """Return the parameters as a JSON object with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def digest(self) -> str:
        """The parameters' identity: 16 hexadecimal digits."""
        return digest_of(asdict(self))


def digest_of(values: dict[str, object]) -> str:
    """Return the identity of parameters, perhaps those of a version that had others."""
    return blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=8).hexdigest()


def _word(kind: Any) -> str:
    return "whole number" if kind is int else "number"


def parameters_from(values: dict[str, object]) -> Parameters:
    """Return parameters with these values, the defaults elsewhere.

    Raises:
        ParameterError: if a name is unknown or a value is not one.
    """
    known = {spec.name: spec for spec in fields(Parameters)}
    chosen: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}."
            raise ParameterError(name, "is not a setting", hint=hint)
        chosen[name] = value
    return Parameters(**chosen)
