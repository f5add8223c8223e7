"""`trader doctor`: is everything here that a session needs?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.answer import answer
from cli.exit_codes import code_of
from cli.render.labels import labelled
from journal import console
from journal.summaries import Diagnosed

if TYPE_CHECKING:
    from journal.summaries import Check

_SIGNS = {"ok": "✓", "note": "·", "problem": "✗"}


def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not try to reach the exchange.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Skip the golden run, which may compile the step.")
    ] = False,
    url: options.Url = options.EXCHANGE,
    timeout: Annotated[
        float,
        typer.Option(min=0.1, metavar="SECONDS", help="How long to try to reach the exchange."),
    ] = 10.0,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Check Python, TensorFlow, processor, disk, clock, exchange, journals, step and equal bits.

    Exits with the code of the first problem: 3 configuration, 7 equal bits, 12 versions, 20
    exchange, 21 disk. Notes are not problems.
    """
    from journal.asked import diagnostics, preflight

    preflight.check_websocket("--url", url)
    preflight.check_finite("--timeout", timeout)
    if not quick:
        console.echo("the golden run: some seconds where the step has to be compiled", err=True)
    found = []
    for check in diagnostics.checks(
        home, url=url, timeout_s=timeout, asks=not offline, runs=not quick
    ):
        answer(check, _lines(check), as_json=as_json)
        found.append(check)
    problems = [(check.name, check.error) for check in found if check.error is not None]
    names = tuple(name for name, _ in problems)
    verdict = f"problems: {', '.join(names)}" if names else "OK"
    answer(Diagnosed(checks=len(found), problems=names), [verdict], as_json=as_json)
    if problems:
        raise typer.Exit(code_of(problems[0][1]))


def _lines(check: "Check") -> Iterator[str]:
    sign = _SIGNS[check.verdict.value] + " "
    yield from labelled(check.name, check.says, width=20, lead=sign)
    yield from labelled("", check.hint, width=20)
