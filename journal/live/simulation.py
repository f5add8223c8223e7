"""The stand-in exchange as a child process on loopback, for as long as a context lasts.

`described` returns a sentence about it; nothing is printed here.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from journal.errors import UsageError
from journal.summaries import Listening

ENDS_S = 5.0
"""How long it may take to end by itself."""

SPEED = 10
"""Market time per real time: a minute shows ten minutes of learning."""

_SHOWN_CHARACTERS = 2_000


@contextmanager
def exchange(
    *markets: str, scenario: str, seed: int, history: str | None = None
) -> Iterator[Listening]:
    """Run the stand-in exchange; yield its address and its scenario.

    It ends with the context, or with this process.

    ``history`` is how far its past goes back, such as ``90d``; without it there is none.

    Raises:
        CommandError: if it does not start; the message has what it printed.
    """
    command = [
        *(sys.executable, "-m", "cli.main", "exchange", "--json", "--port", "0"),
        *(word for market in markets for word in ("--market", market)),
        *("--scenario", scenario, "--seed", str(seed)),
        *("--speed", str(SPEED), "--until-stdin-closes"),
        *(() if history is None else ("--history", history)),
    ]
    # Its own process group: a Ctrl-C in the terminal reaches only us, and we end it at our end.
    with (
        # Not a pipe: nobody reads it while the exchange runs, and a full pipe would block it.
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr,
        subprocess.Popen(  # noqa: S603  our own interpreter and our own words
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            text=True,
        ) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            child.wait()
            stderr.seek(0)
            why = stderr.read(_SHOWN_CHARACTERS).strip()
            raise UsageError(f"the stand-in exchange did not start: {why}")
        message = json.loads(line)
        del message["message_type"]
        try:
            yield Listening(**message)
        finally:
            child.stdin.close()
            child.terminate()
            try:
                child.wait(ENDS_S)
            except subprocess.TimeoutExpired:
                child.kill()


def described(said: Listening) -> str:
    """Return a sentence about a stand-in exchange with a scenario."""
    most = "at most " if said.best_accuracy_is_bound else ""
    return (
        f"stand-in exchange, market {said.scenario!r} at {SPEED} times real speed: the direction"
        f" over {said.horizon_s:g} s can be predicted in {most}{said.best_accuracy:.1%} of cases"
    )
