"""The stand-in exchange as a child process on loopback, for as long as a context lasts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cli import console
from cli.exits import CommandError, Exit

SPEED = 10
"""Market seconds in a second: a minute shows ten minutes of learning."""


@contextmanager
def exchange(*markets: str, scenario: str, seed: int) -> Iterator[str]:
    """Run the stand-in exchange; yield its URL. It ends with the context, or with this process.

    Raises:
        CommandError: if it does not come up; what it said is in the message.
    """
    command = [
        *(sys.executable, "-m", "cli.main", "exchange", "--json", "--port", "0"),
        *(word for market in markets for word in ("--market", market)),
        *("--scenario", scenario, "--seed", str(seed)),
        *("--speed", str(SPEED), "--until-stdin-closes"),
    ]
    # Its own session: a Ctrl-C in the terminal is ours, and we end it when we are done.
    with subprocess.Popen(  # noqa: S603  our own interpreter and our own words
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        line = child.stdout.readline()
        if not line:
            why = child.stderr.read().strip()
            raise CommandError(Exit.USAGE, f"the stand-in exchange did not start: {why}")
        said = json.loads(line)
        most = "at most " if said["best_accuracy_is_bound"] else ""
        console.echo(
            f"stand-in exchange, market {said['scenario']!r} at {SPEED} times real speed: the"
            f" direction over {said['horizon_s']:g} s can be foreseen in"
            f" {most}{said['best_accuracy']:.1%} of cases",
            err=True,
        )
        try:
            yield said["url"]
        finally:
            child.stdin.close()
            child.terminate()
