"""`trader checkpoints`: the states that are kept, and how good the learner was at each."""

from cli import options
from eventlog.printable import printable
from journal import console


def checkpoints(
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """List the whole states that are kept, oldest first; times are the market's."""
    from dataclasses import asdict

    from analysis.scoring.scores import learned_by
    from engine.checkpoint import Checkpoints
    from engine.errors import CheckpointDamaged
    from eventlog.records import format_e8
    from feeds import clock
    from journal import layout
    from journal.reading.score import fraction
    from journal.sidecar import covered, verified

    place = layout.find(home, name)
    kept = Checkpoints(place.checkpoints)
    said = verified(place)
    if not as_json:
        console.echo(_line(*_HEADS))
    damaged = 0
    for offset in kept.offsets():
        path = kept.path(offset)
        try:
            facts = kept.facts(offset)
        except CheckpointDamaged as error:
            damaged += 1
            if as_json:
                line = {"message_type": "checkpoint", "offset": offset, "problem": error.problem}
                console.put(line)
            else:
                console.echo(f"{offset:>12,} damaged: {printable(error.problem)}")
            continue
        time, learned = clock.iso_utc(facts.time_ns), learned_by(facts)
        row = {
            "offset": offset,
            "time": time,
            "steps": facts.steps,
            **asdict(learned),
            "equity": format_e8(facts.equity_e8),
            "size_bytes": path.stat().st_size,
            "digest": facts.digest,
            "verified": covered(offset, said),
        }
        if as_json:
            console.put({"message_type": "checkpoint", **row})
            continue
        console.echo(
            _line(
                f"{offset:,}",
                time[5:16].replace("T", " ") if facts.time_ns else "-",
                f"{learned.labels:,}",
                fraction(learned.accuracy, 3),
                fraction(learned.log_loss),
                facts.digest[:8],
                covered(offset, said),
            )
        )
    if as_json:
        summary = {"checkpoints": len(kept.offsets()), "damaged": damaged}
        console.put({"message_type": "summary", **summary})


_HEADS = ("after offset", "market time", "labels", "accuracy", "log-loss", "state", "verified")
_WIDTHS = (12, 11, 10, 8, 8, 8, 15)
"""Within eighty columns; ``--json`` says more."""


def _line(*cells: str) -> str:
    return " ".join(cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
