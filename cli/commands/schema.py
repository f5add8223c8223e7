"""`trader schema`: what ``--json`` says, as JSON Schema."""

import json
from typing import Annotated

import typer

from journal import console
from journal.errors import UsageError


def schema(
    command: Annotated[
        str | None, typer.Argument(help="The command; without it, the commands are listed.")
    ] = None,
) -> None:
    """Print the JSON Schema of the output of a command with --json, field by field."""
    from cli import schemas

    if command is None:
        console.echo("\n".join(schemas.COMMANDS))
        return
    if command not in schemas.COMMANDS:
        hint = f"Known: {', '.join(schemas.COMMANDS)}."
        raise UsageError(f"{command} has no schema", hint=hint)
    console.echo(json.dumps(schemas.schema(command), indent=2))
