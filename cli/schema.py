"""`trader schema`: what ``--json`` says, as JSON Schema."""

import json
from typing import Annotated

import typer

from cli import console
from cli.exits import CommandError, Exit


def schema(
    command: Annotated[
        str | None, typer.Argument(help="Of which command; without it, which there are.")
    ] = None,
) -> None:
    """Print the JSON Schema of what a command says with --json, field by field."""
    from cli import contract

    if command is None:
        console.echo("\n".join(contract.COMMANDS))
        return
    if command not in contract.COMMANDS:
        hint = f"Known: {', '.join(contract.COMMANDS)}."
        raise CommandError(Exit.USAGE, f"{command} has no schema", hint=hint)
    console.echo(json.dumps(contract.schema(command), indent=2))
