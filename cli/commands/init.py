"""`trader init`: a home with a commented configuration."""

from typing import Annotated

import typer

from cli import options
from eventlog.printable import printable
from journal import console
from journal.errors import ConfigurationError

_NEXT = (
    ("doctor", "is everything here that it needs?"),
    ("live --simulated --for 60s", "a minute of learning, with no network"),
    ("live", "the real market, on paper"),
)


def init(
    force: Annotated[
        bool, typer.Option("--force", help="Replace a configuration that is there.")
    ] = False,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Make a home with a configuration that states every setting, its unit, range and default."""
    from journal import outputs
    from journal.asked.settings import FILE, to_toml

    path = home / FILE
    if path.exists() and not force:
        raise ConfigurationError(
            f"{path} is there already and was not touched",
            hint="trader init --force replaces it.",
        )
    outputs.write_text(path, to_toml(), force=force)
    if as_json:
        console.put({"message_type": "summary", "configuration": str(path)})
        return
    console.echo(f"made {printable(str(path))}: every setting with its default; what to do next:")
    where = "" if home == options.HOME else f" --home {printable(str(home))}"
    for words, does in _NEXT:
        console.echo(f"  trader {words + where:44} {does}")
