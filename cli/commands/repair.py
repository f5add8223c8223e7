"""`trader repair`: repairs only what can be repaired without losing anything acknowledged.

Without ``--apply`` it only says what it would do. Nothing is deleted: what is cut or moved away is
kept in a quarantine directory next to it.
"""

from collections.abc import Iterator
from typing import Annotated

import typer

from cli import options
from cli.answer import answer
from cli.exit_codes import end_with
from journal.summaries import Repaired


def repair(
    apply: Annotated[
        bool, typer.Option("--apply", help="Repair; without it, only print what would be done.")
    ] = False,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Show what would repair a journal; with --apply, repair it.

    An interrupted write is cut, with a copy in quarantine. A damaged checkpoint is moved away, so
    that the one before it is used. Damaged records that were acknowledged are never changed:
    restore them from a copy.
    """
    from journal import layout
    from journal.integrity import repairing

    said = repairing.repair(layout.find(home, name), apply=apply)
    answer(said, _lines(said), as_json=as_json)
    end_with(said.verdict)


def _lines(said: Repaired) -> Iterator[str]:
    for finding in said.beyond_repair:
        yield f"beyond repair: {finding}"
    for action in said.actions:
        yield f"{'did' if said.applied else 'would do'}: {action}"
    if said.beyond_repair:
        yield "nothing was changed: restore the damaged file from a copy"
    elif not said.actions:
        yield "nothing to repair"
    else:
        yield "repaired" if said.applied else "nothing was changed: --apply does it"
