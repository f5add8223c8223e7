"""`trader status`: how a journal stands, from its files, while it runs or after it was killed."""

import json
from datetime import UTC, datetime

import typer

from cli import options


def status(
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Say how a journal stands: sessions, last decision, scores, what is durable."""
    from cli import journal
    from cli.score import COLUMNS, Score, fraction
    from engine.checkpoint import Checkpoints
    from engine.errors import CheckpointDamaged
    from eventlog.reader import Reader
    from eventlog.records import Decision, format_e8
    from eventlog.recovery import LOCK
    from eventlog.storage import DISK
    from feeds import clock

    place = journal.find(home, name)
    log, checkpoints = Reader.open(place.log), Checkpoints(place.checkpoints)
    running = DISK.locked(place.log / LOCK)
    session = journal.predecessor_of(log)
    last = journal.last(log, Decision)
    recent = Score()
    for batch in log.read(max(0, log.end - RECENT_RECORDS), log.end, columns=COLUMNS):
        recent.add(batch)
    facts = None
    for offset in reversed(checkpoints.offsets()):
        try:
            facts = checkpoints.facts(offset)
            break
        except CheckpointDamaged:
            continue
    age_s = None if session is None else (clock.now_ns() - session.last_received_ns) / 10**9
    state = "running" if running else "stopped" if session and session.ended else "killed"
    summary: dict[str, object] = {
        "journal": place.name,
        "paper": True,
        "state": state if log.end else "empty",
        "records": log.end,
        "session": None if session is None else session.session,
        "last_record_age_s": age_s,
        "recent_log_loss": recent.log_loss,
        "recent_baseline_log_loss": recent.baseline_log_loss,
        "recent_accuracy": recent.accuracy,
        "equity": None if last is None else format_e8(last[1].equity_e8),
        "position": None if last is None else format_e8(last[1].position_e8),
        "action": None if last is None else last[1].action,
        "reason": None if last is None else last[1].reason,
        "last_decision_offset": None if last is None else last[0],
        "checkpoint_offset": None if facts is None else facts.offset,
        "labels": None if facts is None else facts.scored,
        "log_loss": facts.log_loss if facts and facts.scored else None,
        "baseline_log_loss": facts.baseline_log_loss if facts and facts.scored else None,
        "accuracy": facts.hits / facts.scored if facts and facts.scored else None,
    }
    if as_json:
        typer.echo(json.dumps({"message_type": "summary", **summary}))
        return
    typer.echo(f"PAPER {place.name}: {summary['state']}, session {summary['session'] or '-'}")
    if session is not None and age_s is not None:
        moment = datetime.fromtimestamp(session.last_received_ns / 10**9, UTC)
        typer.echo(f"  last record   {moment:%Y-%m-%d %H:%M:%S} UTC, {age_s:,.0f} s ago")
    typer.echo(f"  durable       {log.end:,} records")
    if facts is not None and facts.scored:
        typer.echo(
            f"  whole state   after offset {facts.offset:,}: {facts.steps:,} training steps,"
            f" {facts.scored:,} labels scored,\n"
            f"                log-loss {fraction(facts.log_loss)}"
            f" (baseline {fraction(facts.baseline_log_loss)}),"
            f" accuracy {fraction(facts.hits / max(facts.scored, 1), 3)}"
        )
    if recent.scored:
        typer.echo(
            f"  recently      log-loss {fraction(recent.log_loss)}"
            f" (baseline {fraction(recent.baseline_log_loss)}),"
            f" accuracy {fraction(recent.accuracy, 3)} on {recent.scored:,} labels"
        )
    if last is not None:
        typer.echo(
            f"  account       equity {summary['equity']}, position {summary['position']}\n"
            f"  last decision {last[1].action}: {last[1].reason} (offset {last[0]:,})"
        )


RECENT_RECORDS = 20_000
"""Records from the end over which "recently" is summed."""
