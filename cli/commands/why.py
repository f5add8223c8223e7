"""`trader why`: one decision, and everything that it rests on."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from eventlog.printable import printable
from journal import console
from journal.errors import NoSuchRecord

if TYPE_CHECKING:
    from eventlog.reader import Reader
    from eventlog.records import Decision
    from journal.header import JournalHeader
    from journal.layout import JournalPath

_STATUS_RECORDS = 500_000
"""So far back what the exchange says of the market is looked for: some hours, or days."""

_SHOWN_FEATURES = 12
_SHOWN_REASONS = 5
_COLUMNS = 66
"""What is behind a label is so wide, so that a terminal of 80 columns breaks no line."""


def why(
    which: Annotated[
        str,
        typer.Argument(
            metavar="[OFFSET|last|TIME]",
            help="A decision's or tick's offset, -N, s@TIME, or a time.",
        ),
    ] = "last",
    features: Annotated[
        bool,
        typer.Option("--features", help="Also the features, derived again: loads TensorFlow."),
    ] = False,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="How far back reasons are counted; else the newest thousands."
        ),
    ] = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Say why it traded, or did not: tick, probabilities, edge and cost, and the gate that decided.

    Everything but --features stands in the log and takes no TensorFlow.
    """
    from analysis import lines
    from analysis.reasons import meaning
    from analysis.selection import select
    from analysis.status import newest_facts
    from cli import holes
    from cli.durations import seconds_of
    from engine.checkpoint import Checkpoints
    from journal import layout
    from journal.header import header_of, rules_of
    from journal.reading import scan

    window_s = None if window is None else seconds_of(window, "--window")
    place = layout.find(home, name)
    log = holes.opened(place.log)
    if not log.end:
        raise NoSuchRecord(f"{place.log} is empty: nothing was decided yet")
    rules = rules_of(log, place)
    checkpoints = Checkpoints(place.checkpoints)
    selected = select(log, which, checkpoints)
    offset, decision = selected.offset, selected.decision
    tick = next(record for _, record in scan.records(log, decision.cause, decision.cause + 1))
    before = _before(log, decision.cause)
    facts = newest_facts(checkpoints, at_most=decision.cause)
    counts = reasons_before(log, offset, window_s)
    summary: dict[str, object] = {
        "offset": offset,
        "note": selected.note,
        "time_ns": decision.received_ns,
        "delay_ms": _delay_ms(tick),
        "late_ms": rules.known.late_ms,
        "meaning": meaning(decision, rules.known),
        **lines.plain(decision),
        "fingerprint": f"{decision.fingerprint:016x}",
        "tick": {"kind": lines.kind_of(tick), **lines.plain(tick)},
        "tick_line": lines.brief(decision.cause, tick),
        "before": [lines.brief(at, record) for at, record in before],
        "fills": [
            {"offset": at, **lines.plain(fill)} for at, fill in _fills(log, offset, decision)
        ],
        "market_status": _market_status(log, decision.cause),
        "checkpoint_offset": None if facts is None else facts.offset,
        "checkpoint_digest": None if facts is None else facts.digest,
        "parameters": rules.digest,
        "window_s": window_s,
        "reasons": dict(counts.most_common()),
    }
    if features:
        summary["features"] = _features(place, log, header_of(log, place), decision.cause)
    if as_json:
        console.put({"message_type": "summary", **summary})
        return
    inputs = [(decision.cause, tick), *before]
    for line in _lines(place.name, summary, decision, inputs):
        console.echo(printable(line))


def _market_status(log: "Reader", cause: int) -> str | None:
    """Return what the exchange said last of the market before a tick, if that is on record."""
    from eventlog.records import MarketStatus
    from journal.reading import scan
    from journal.reading.newest import start_of

    least = max(0, cause - _STATUS_RECORDS)
    at = start_of(log, 1, kinds=["market_status"], end=cause, least=least)
    said = next((record for _, record in scan.records(log, at, at + 1)), None)
    return said.status if isinstance(said, MarketStatus) else None


def _delay_ms(tick: Any) -> float | None:
    """Return how long a tick waited until it was taken up; ``None`` where nobody says."""
    taken_ns = getattr(tick, "taken_ns", None)
    return None if taken_ns is None else max(0, taken_ns - tick.received_ns) / 1e6


def _before(log: "Reader", cause: int) -> "list[tuple[int, Any]]":
    """Return the newest quote, trade and book update before a tick: what else it could see."""
    from journal.reading import scan

    newest: dict[type, tuple[int, Any]] = {}
    start = max(0, cause - 400)
    for offset, record in scan.records(log, start, cause, kinds=["quote", "trade", "book"]):
        newest[type(record)] = offset, record
    return sorted(newest.values())


def _fills(log: "Reader", offset: int, decision: "Decision") -> "list[tuple[int, Any]]":
    """Return what came of the order that the decision placed."""
    from analysis.selection import NEAR_RECORDS
    from journal.reading import scan

    if decision.action == "hold":
        return []
    end = min(log.end, offset + NEAR_RECORDS)
    near = scan.records(log, offset, end, kinds=["fill"])
    return [(at, fill) for at, fill in near if getattr(fill, "ordered_at", None) == decision.cause]


def reasons_before(log: "Reader", offset: int, window_s: float | None) -> "Counter[str]":
    """Return how often each reason was given within so many seconds up to a decision.

    Without a window, within the newest `RECENT_RECORDS`.
    """
    from analysis.status import RECENT_RECORDS
    from eventlog.fastpath import compute

    counts: Counter[str] = Counter()
    since_ns: int | None = None
    step = RECENT_RECORDS
    for end in range(offset + 1, 0, -step):
        columns = ("kind", "reason", "received_ns")
        late = False
        for batch in reversed([*log.read(max(0, end - step), end, columns=columns)]):
            decided = compute.where(batch, compute.equal(batch.column("kind"), "decision"))
            if not decided.num_rows:
                continue
            if since_ns is None and window_s is not None:
                since_ns = decided.column("received_ns")[-1].as_py() - round(window_s * 1e9)
            whole = decided.num_rows
            if since_ns is not None:
                late_enough = compute.at_least(decided.column("received_ns"), since_ns)
                decided = compute.where(decided, late_enough)
            counts.update(compute.counts(decided.column("reason")))
            late = late or decided.num_rows < whole
        if late or window_s is None:
            break
    return counts


def _features(
    place: "JournalPath", log: "Reader", header: "JournalHeader", cause: int
) -> dict[str, object] | None:
    """Return the features of a tick, and how much each moved the network's answer "up".

    A feature's pull is its value times the slope of the answer in it, there. Those that the learner
    made for itself and adopted move the linear exit's answer, by their own slope.
    """
    import numpy as np

    from engine.arithmetic import tf
    from engine.learner import candidates, features, network
    from engine.state import cursors
    from journal.rederive import state_after

    derived = state_after(place, log, header, cause)
    state = derived.engine.state()
    head, _ = cursors(state)
    if not head:
        return None
    vector = state["memory.samples"][(head - 1) % header.parameters.memory_rows]
    values = vector[: features.COUNT].astype(np.float32)
    model = network.model_at(state, header.parameters)
    point = tf.constant(values[None])
    with tf.GradientTape() as deduplicator:
        deduplicator.watch(point)
        answer = model(point)[0, 0]
    pulls = values * deduplicator.gradient(answer, point).numpy()[0]
    rows = [
        {"name": name, "value": float(values[index]), "pull": float(pulls[index])}
        for index, name in enumerate(features.NAMES)
    ]
    pairs, slopes = state["candidates.pairs"], state["candidates.slopes"]
    made = candidates.products(pairs, values).numpy()
    rows += [
        {
            "name": candidates.pair_name(candidates.pair_number(pairs[slot])),
            "value": float(made[slot]),
            "pull": float(made[slot] * slopes[slot]),
        }
        for slot in np.flatnonzero(slopes[: candidates.PLACES]).tolist()
    ]
    rows.sort(key=lambda row: -abs(float(str(row["pull"]))))
    return {
        "logit": float(answer.numpy()),
        "from_checkpoint": derived.after,
        "compared": derived.compared,
        "identical": derived.divergence is None,
        "features": rows,
    }


def _lines(
    name: str, said: dict[str, Any], decision: "Decision", inputs: "list[tuple[int, Any]]"
) -> "list[str]":
    """Return what a person reads; ``inputs`` are the tick and what came before it."""
    from textwrap import wrap

    from analysis.lines import kind_of, matter, time_of
    from eventlog.records import ONLINE
    from journal.reading.score import money, span

    head = f"PAPER {name}, offset {said['offset']:,}, {time_of(decision.received_ns)}"
    out = [head, *([f"({said['note']})"] if said["note"] else [])]
    out += [f"{decision.action.upper()}: {decision.reason}"]

    def put(label: str, text: str) -> None:
        for line in wrap(text, _COLUMNS, break_on_hyphens=False, break_long_words=False):
            out.append(f"  {label:10} {line}")
            label = ""

    if said["meaning"]:
        put("because", said["meaning"])
    put(
        "model",
        f"p_up {decision.p_up:.3f} calibrated from {decision.p_up_raw:.3f},"
        f" p_move {decision.p_move:.3f}, confidence {decision.confidence:.3f}",
    )
    put("edge", f"{decision.edge_ppm:+.1f} ppm against a cost of {decision.cost_ppm:,.1f} ppm")
    if decision.skill_confidence is not None and decision.edge_realisation is not None:
        put(
            "feedback",
            f"skill confidence {decision.skill_confidence:.2f}, edge realisation"
            f" {decision.edge_realisation:.2f}",
        )
    (cause, tick), *before = inputs
    put("tick", f"{cause:,} {kind_of(tick)} {matter(tick)}")
    if said["delay_ms"] is not None:
        bound = f"traded on up to {said['late_ms']:,} ms"
        put("delay", f"taken up {said['delay_ms']:,.1f} ms after it was received; {bound}")
    for at, record in before:
        since_ms = (record.received_ns - tick.received_ns) / 1e6
        put("before", f"{at:,} {kind_of(record)} {matter(record)}, {since_ms:+,.1f} ms")
    if said["market_status"] not in (None, ONLINE):
        put("market", f"the exchange says {said['market_status']}")
    put(
        "learning",
        f"{decision.trained} fresh labels, loss {decision.loss:.4f},"
        f" learning rate {decision.learning_rate:.2g}",
    )
    put("account", f"equity {money(decision.equity_e8)}, position {decision.position_e8 / 1e8:g}")
    for fill in said["fills"]:
        put("filled", f"at offset {fill['offset']:,}, price {fill['price_e8'] / 1e8:,.2f}")
    kept = said["checkpoint_offset"]
    put(
        "lineage",
        f"weights {said['fingerprint']}, parameters {said['parameters']}, state after"
        f" {'-' if kept is None else format(kept, ',')} and"
        f" {'-' if kept is None else format(decision.cause - kept, ',')} records",
    )
    total = sum(said["reasons"].values())
    within = "" if said["window_s"] is None else f" in the {span(said['window_s'])} before"
    put("reasons", f"of {total:,} decisions{within}:")
    for reason, count in [*said["reasons"].items()][:_SHOWN_REASONS]:
        put("", f"{count / total:5.1%} {reason}")
    derived = said.get("features")
    if derived is not None:
        same = "identical to what was recorded" if derived["identical"] else "NOT as recorded"
        put(
            "features",
            f"derived again from {derived['from_checkpoint']:,}, {derived['compared']:,} effects"
            f" {same}; the strongest first:",
        )
        for row in derived["features"][:_SHOWN_FEATURES]:
            put("", f"{row['name']:24} {row['value']:+8.3f}  pulls {row['pull']:+.4f}")
    return out
