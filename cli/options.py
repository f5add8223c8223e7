"""Options that several commands share, declared once."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import CommandError, Exit
from eventlog.printable import printable

Home = Annotated[
    Path,
    typer.Option(
        "--home", envvar="TRADER_HOME", help="Directory of the configuration and the journals."
    ),
]
HOME = Path("journals")

Json = Annotated[
    bool, typer.Option("--json", help="JSON Lines on stdout; the last line is the summary.")
]


def _journals(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of journals that a shell may complete, from the names of directories."""
    home = Path(context.params.get("home") or HOME)
    names = sorted(path.parent.name for path in home.glob("*/log"))
    return [name for name in names if name.startswith(incomplete)]


Journal = Annotated[
    str | None,
    typer.Option(
        "--journal",
        "--market",
        metavar="NAME",
        help="Which journal of the home; may be left out.",
        autocompletion=_journals,
    ),
]


def check_kinds(kinds: list[str] | None) -> None:
    """Refuse what is no kind of record.

    Raises:
        CommandError: (2) with what was meant, or all there are.
    """
    from eventlog.records import KINDS

    for kind in kinds or []:
        check_choice("--kind", kind, KINDS)


def check_choice(option: str, text: str, known: Iterable[str]) -> None:
    """Refuse a word that an option does not know.

    Raises:
        CommandError: (2) with what was meant, or all there are.
    """
    words = list(known)
    if text in words:
        return
    near = difflib.get_close_matches(text.lower(), words, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    hint += f"Known: {', '.join(words)}."
    raise CommandError(Exit.USAGE, f"{option} {printable(text, 80)}: unknown", hint=hint)


Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An engine parameter; may be repeated."),
]

Url = Annotated[str, typer.Option(help="The exchange's websocket.")]
EXCHANGE = "wss://socket.btcmarkets.net/v2"
