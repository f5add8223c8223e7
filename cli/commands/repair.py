"""`trader repair`: what can be set right without losing anything acknowledged, and only that.

Without ``--apply`` it only says what it would do. Nothing is deleted: what is cut or taken out of
the way is kept in a quarantine directory beside it.
"""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.exit_codes import Exit
from eventlog.printable import printable
from journal import console


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
    from eventlog import integrity
    from eventlog.log import Log
    from eventlog.reader import Reader
    from eventlog.storage import DISK, publish
    from journal import layout, sidecar
    from journal.integrity.coverage import QUARANTINE, check_beside
    from journal.integrity.verify import check_bytes

    place = layout.find(home, name)
    findings = integrity.check(place.log)
    beyond = [finding for finding in findings if not finding.repairable]
    log = None if beyond else Reader.open(place.log)
    beside = check_beside(place, log)
    beyond += [finding for finding in beside if not finding.repairable]
    torn = [finding for finding in findings if finding.repairable]
    mended = {finding.path for finding in beside if finding.check == "notes"}
    kept = [finding for finding in beside if finding.check == "frozen"]
    kept += check_bytes(place)
    actions = [
        f"{finding.path}: {finding.message}: set right, with a copy of what is cut in"
        f" {place.log / QUARANTINE}"
        for finding in torn
    ]
    actions += [
        f"{path}: keep the lines that check, and it as it is in {path.parent / QUARANTINE}"
        for path in sorted(mended)
    ]
    actions += [
        f"{finding.path}: {finding.message}: move to {finding.path.parent / QUARANTINE}"
        for finding in kept
    ]
    if apply and not beyond:
        if torn:
            Log.open(place.log).close()
        for path in sorted(mended):
            whole = sidecar.mended(path.read_bytes())
            _quarantine(path)
            publish(DISK, path, [whole])
        for finding in kept:
            _quarantine(finding.path)
            finding.path.unlink()
            DISK.fsync_dir(finding.path.parent)
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


def _quarantine(path: Path) -> None:
    """Put a copy of a file, under a name that says its digest, where nothing is written over."""
    from blake3 import blake3

    from eventlog.storage import DISK, make_directory, publish
    from journal.integrity.coverage import QUARANTINE

    data = path.read_bytes()
    directory = path.parent / QUARANTINE
    make_directory(DISK, directory)
    publish(DISK, directory / f"{path.name}-{blake3(data).hexdigest()[:16]}", [data])


def _verdict(code: Exit, actions: list[str], *, done: bool) -> str:
    if code is Exit.CORRUPT:
        return "nothing was changed: restore the damaged file from a copy"
    if not actions:
        return "nothing to repair"
    return "repaired" if done else "nothing was changed: --apply does it"
