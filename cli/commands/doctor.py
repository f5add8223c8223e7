"""`trader doctor`: is everything here that a session needs?"""

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from eventlog.printable import printable
from journal import console

if TYPE_CHECKING:
    from cli.diagnostics import Check

_SIGNS = {"ok": "✓", "note": "·", "problem": "✗"}
_COLUMNS = 56
"""What is said of a check is so wide, so that a terminal of 80 columns breaks no line."""


def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not try to reach the exchange.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Without the golden run, which loads TensorFlow.")
    ] = False,
    url: options.Url = options.EXCHANGE,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long to try the exchange.")
    ] = 10.0,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Check Python, TensorFlow, processor, disk, clock, exchange, journals, equal bits.

    Exits with the code of the first problem: 3 configuration, 7 equal bits, 12 versions,
    20 exchange, 21 disk. Notes are no problems.
    """
    from cli import diagnostics
    from cli.diagnostics import Verdict
    from journal.asked import preflight

    preflight.check_websocket("--url", url)
    preflight.check_finite("--timeout", timeout)

    def checks() -> "Iterator[Check]":
        yield diagnostics.python()
        yield diagnostics.tensorflow()
        yield diagnostics.processor()
        yield diagnostics.configuration(home)
        yield diagnostics.disk(home)
        yield diagnostics.durability(home)
        yield from diagnostics.locks(home)
        if not offline:
            yield from diagnostics.exchange(url, timeout_s=timeout)
        if not quick:
            console.echo("the golden run loads TensorFlow: some seconds", err=True)
            yield from diagnostics.determinism(home)

    problems = []
    count = 0
    for check in checks():
        count += 1
        if check.verdict is Verdict.PROBLEM:
            problems.append(check)
        if as_json:
            line = {"name": check.name, "verdict": check.verdict.value, "says": check.says}
            console.put({"message_type": "check", **line, "hint": check.hint})
            continue
        sign, name = _SIGNS[check.verdict.value], check.name
        says, hint = printable(check.says), printable(check.hint)
        for words in (*wrap(says, _COLUMNS, break_long_words=False), hint):
            if words:
                console.echo(f"{sign:1} {name:20} {words}")
            sign = name = ""
    if as_json:
        summary = {"checks": count, "problems": [check.name for check in problems]}
        console.put({"message_type": "summary", **summary})
    else:
        named = ", ".join(check.name for check in problems)
        console.echo(f"problems: {named}" if problems else "OK")
    if problems:
        raise typer.Exit(problems[0].code)
