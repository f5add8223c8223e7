"""`trader init`: a home with a commented configuration."""

from typing import Annotated

import typer

from cli import options
from cli.answer import answer

_NEXT = (
    ("doctor", "is everything here that it needs?"),
    ("live --simulated --for 60s", "a minute of learning, with no network"),
    ("live", "the real market, on paper"),
)


def init(
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing configuration.")
    ] = False,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Create a home with a configuration that lists every setting: unit, range and default."""
    from journal.asked.configuration import initialise

    made = initialise(home, force=force)
    where = "" if home == options.HOME else f" --home {home}"
    lines = [f"made {made.configuration}: every setting with its default; what to do next:"]
    lines += [f"  trader {words + where:44} {does}" for words, does in _NEXT]
    answer(made, lines, as_json=as_json)
