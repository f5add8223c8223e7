"""`trader repair`: what can be set right without losing anything acknowledged, and only that.

Without ``--apply`` it only says what it would do. Nothing is deleted: what is cut or taken out of
the way is kept in a quarantine directory beside it.
"""

from typing import Annotated

import typer

from cli import console, options
from cli.exits import Exit
from eventlog.printable import printable

_QUARANTINE = "quarantine"


def repair(
    apply: Annotated[bool, typer.Option("--apply", help="Do it, and not only say it.")] = False,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Say what would repair a journal; with --apply, do it.

    An interrupted write is cut with a copy; a damaged checkpoint is moved away, so that the one
    before it counts. Damage to acknowledged records is never touched: restore a copy.
    """
    from cli import journal
    from engine.checkpoint import Checkpoints
    from engine.errors import CheckpointDamaged
    from eventlog import integrity
    from eventlog.log import Log
    from eventlog.storage import DISK, make_directory

    place = journal.find(home, name)
    findings = integrity.check(place.log)
    beyond = [finding for finding in findings if not finding.repairable]
    actions = [
        f"{finding.path}: {finding.message}: cut, with a copy in {place.log / _QUARANTINE}"
        for finding in findings
        if finding.repairable
    ]
    kept = Checkpoints(place.checkpoints)
    damaged: list[int] = []
    for offset in kept.offsets():
        try:
            kept.read(offset)
        except CheckpointDamaged as error:
            damaged.append(offset)
            actions.append(
                f"{kept.path(offset)}: {error.problem}: move to {place.checkpoints / _QUARANTINE}"
            )
    if apply and not beyond:
        if any(finding.repairable for finding in findings):
            Log.open(place.log).close()
        for offset in damaged:
            path = kept.path(offset)
            make_directory(DISK, path.parent / _QUARANTINE)
            # A name that is free: what was moved here before is never written over.
            copies = len(list((path.parent / _QUARANTINE).iterdir()))
            path.rename(path.parent / _QUARANTINE / f"{path.name}.{copies}")
            DISK.fsync_dir(path.parent / _QUARANTINE)
            DISK.fsync_dir(path.parent)
    done = apply and not beyond
    code = Exit.CORRUPT if beyond else Exit.REPAIRABLE if actions and not done else Exit.OK
    if as_json:
        summary = {
            "actions": actions,
            "applied": done,
            "beyond_repair": [f"{finding.path}: {finding.message}" for finding in beyond],
        }
        console.put({"message_type": "summary", **summary})
    else:
        for finding in beyond:
            said = f"{finding.path}: {finding.message}"
            console.echo(f"beyond repair: {printable(said, 2_000)}")
        for action in actions:
            console.echo(f"{'did' if done else 'would do'}: {printable(action)}")
        console.echo(_verdict(code, actions, done=done))
    if code:
        raise typer.Exit(code)


def _verdict(code: Exit, actions: list[str], *, done: bool) -> str:
    if code is Exit.CORRUPT:
        return "nothing was changed: restore the damaged file from a copy"
    if not actions:
        return "nothing to repair"
    return "repaired" if done else "nothing was changed: --apply does it"
