"""The console script: commands by name, and errors as exit codes.

Commands import what is heavy inside themselves, so that `trader --help` is instant and a command
that only reads a log never loads TensorFlow.
"""

import atexit
import os
import sys
import traceback
from typing import Annotated

import typer

from cli import holes, streams
from cli.arguments import NumbersMayBeNegative
from cli.commands.backfill import backfill
from cli.commands.checkpoints import checkpoints
from cli.commands.compare import compare
from cli.commands.config import config
from cli.commands.doctor import doctor
from cli.commands.evaluate import evaluate
from cli.commands.exchange import exchange
from cli.commands.export import export
from cli.commands.import_ import import_
from cli.commands.init import init
from cli.commands.live import live
from cli.commands.log import log
from cli.commands.repair import repair
from cli.commands.replay import replay
from cli.commands.report import report as report_
from cli.commands.schema import schema
from cli.commands.status import status
from cli.commands.verify import verify
from cli.commands.why import why
from cli.exit_codes import EXPECTED, MEANINGS, Exit, code_of, report
from cli.usage import refused
from journal import console
from journal.asked.settings import tidy_environment
from journal.live import outlets

app = typer.Typer(
    name="trader",
    help="Record, replay and learn on BTC Markets. Paper only: it cannot place orders.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    epilog="Exit codes: " + " · ".join(f"{code:d} {MEANINGS[code]}" for code in Exit) + ".",
)
app.command(rich_help_panel="Run")(live)
app.command(rich_help_panel="Run")(replay)
app.command(rich_help_panel="Run")(exchange)
app.command("import", rich_help_panel="Run")(import_)
app.command(rich_help_panel="Run")(backfill)
app.command(rich_help_panel="Run")(evaluate)
app.command(rich_help_panel="Inspect")(status)
app.command(rich_help_panel="Inspect", cls=NumbersMayBeNegative)(why)
app.command(rich_help_panel="Inspect")(log)
app.command(rich_help_panel="Inspect")(compare)
app.command("report", rich_help_panel="Inspect")(report_)
app.command(rich_help_panel="Inspect")(export)
app.command(rich_help_panel="Inspect")(checkpoints)
app.command(rich_help_panel="Integrity")(verify)
app.command(rich_help_panel="Integrity")(repair)
app.command(rich_help_panel="Set up")(init)
app.command(rich_help_panel="Set up")(config)
app.command(rich_help_panel="Set up")(doctor)
app.command(rich_help_panel="Set up")(schema)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        console.echo(f"trader {metadata.version('trader')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Record, replay and learn on BTC Markets. Paper only: it cannot place orders."""


def main() -> None:
    """Run the command that the arguments name; end the process with its code."""
    streams.guard()
    tidy_environment()
    code = _run()
    code = streams.finish() or code
    if outlets.finish():
        # Exit without waiting for calls that still run, such as one to a name server or a write to
        # a stopped terminal. Everything that must be durable is durable.
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no public name for it
        os._exit(code)
    sys.exit(code)


def _run() -> int:
    """Run the command; return its code."""
    holes.forget()
    code = _answered()
    unshown = holes.met()
    return code if unshown is None else report(unshown, as_json="--json" in sys.argv)


def _answered() -> int:
    """Run the command and say what it refuses; return its code."""
    try:
        return _called()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except EXPECTED as error:
        if code_of(error) is Exit.CORRUPT and holes.met() is not None:
            return Exit.CORRUPT  # caused by the damage that is reported at the end
        return report(error, as_json="--json" in sys.argv)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception:
        if holes.met() is not None:
            return Exit.CORRUPT  # the records it needs are in the damage reported at the end
        if not outlets.is_installed():
            raise
        traceback.print_exc()
        return Exit.BUG


def _called() -> int:
    """Run the command that the arguments name; return the code that it ended with.

    Raises:
        UsageError: if the arguments name none.
    """
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        refusal = refused(error, sys.argv[1:])
        if refusal is None:
            return Exit.USAGE
        raise refusal from error
    return code if isinstance(code, int) else Exit.OK


if __name__ == "__main__":
    main()
