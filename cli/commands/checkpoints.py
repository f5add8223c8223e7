"""`trader checkpoints`: the checkpoints of a journal, and how good the learner was at each."""

from cli import options
from cli.answer import answer
from journal import console
from journal.summaries import CheckpointDamagedSaid, CheckpointSaid


def checkpoints(
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """List the checkpoints of a journal, oldest first; times are the market's."""
    from analysis.checkpoints import kept_states
    from journal import layout

    found = kept_states(layout.find(home, name))
    if not as_json:
        console.echo(_line(*_HEADS))
    for state in found.states:
        answer(state, [_text(state)], as_json=as_json)
    answer(found.summary, as_json=as_json)


def _text(state: CheckpointSaid | CheckpointDamagedSaid) -> str:
    from journal.reading.score import fraction

    if isinstance(state, CheckpointDamagedSaid):
        return f"{state.offset:>12,} damaged: {state.problem}"
    return _line(
        f"{state.offset:,}",
        state.time[5:16].replace("T", " ") if state.time_ns else "-",
        f"{state.labels:,}",
        fraction(state.accuracy, 3),
        fraction(state.log_loss),
        state.digest[:8],
        state.verified,
    )


_HEADS = ("after offset", "market time", "labels", "accuracy", "log-loss", "state", "verified")
_WIDTHS = (12, 11, 10, 8, 8, 8, 15)
"""Columns of a terminal, eighty in all; ``--json`` has more."""


def _line(*cells: str) -> str:
    return " ".join(cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
