"""Options that several commands share, declared once."""

from pathlib import Path
from typing import Annotated

import typer

from engine.executor.choice import Choice
from feeds.simulator.scenario import SCENARIOS
from feeds.venue import BTC_MARKETS, venue

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
        help="The journal; may be omitted if the home has one.",
        autocompletion=_journals,
    ),
]


Executor = Annotated[
    Choice | None,
    typer.Option(help="Who runs the compiled step.", show_default="the setting step.executor"),
]


def assigned(set_: list[str] | None, executor: Choice | None) -> list[str]:
    """Return the choices of `Set` and `Executor` as assignments of settings, KEY=VALUE."""
    return [*(set_ or []), *([] if executor is None else [f"step.executor={executor}"])]


Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An engine parameter; may be repeated."),
]

Url = Annotated[str, typer.Option(help="The exchange's websocket.")]
EXCHANGE = venue().facts.websocket_url

Venue = Annotated[
    str, typer.Option("--venue", metavar="NAME", help="The exchange that has the markets.")
]
VENUE = BTC_MARKETS

MARKET = "BTC-AUD"
Markets = Annotated[
    list[str] | None,
    typer.Option("--market", metavar="ID", show_default=MARKET, help="May be repeated."),
]
"""The markets of a command that may have several; by default only `MARKET`."""

Scenario = Annotated[
    str,
    typer.Option(metavar="NAME", help=f"Which synthetic market: {', '.join(SCENARIOS)}."),
]
SCENARIO = "calm"

Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="COLUMN=NAME", help="The table's NAME for a column; may be repeated."
    ),
]
TimeUnit = Annotated[
    str | None,
    typer.Option(
        "--time-unit",
        metavar="ns|us|ms|s",
        show_default="by their years",
        help="The unit of numeric times.",
    ),
]
"""How tables are read: what `feeds.files.layout.Layout` is made of."""
