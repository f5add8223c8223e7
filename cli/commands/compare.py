"""`trader compare A B`: two journals of the same ticks, side by side."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.answer import answer


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A home, or a journal in it.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one, such as a fork of A.")],
    name: options.Journal = None,
    as_json: options.Json = False,
) -> None:
    """Compare two journals that decided on the same ticks, such as a journal and its fork.

    Pairs the decisions on each tick. Shows the first difference, and the differences of the
    averages with confidence intervals.
    """
    from analysis.paired import compared
    from cli.render.comparison import to_lines
    from journal import layout

    said = compared(*(layout.at(path, name) for path in (first, second)))
    answer(said, to_lines(said), as_json=as_json, allow_nan=False)
