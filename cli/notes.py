"""What is noted beside a log, a line of JSON each: what is true of it without being part of it."""

import json
from collections.abc import Iterator

from cli.journal import Place
from feeds import clock

VERIFICATIONS = "verified.jsonl"
"""What each verification that ended said."""

SESSIONS = "sessions.jsonl"
"""Each start on a journal that was there already, also one that was then refused (``records`` says
how many there were), and each session that began (its number and offset), so that nobody has to
look for it through days of records."""


def note(place: Place, file: str, said: dict[str, object]) -> None:
    """Write it down with the time; nothing where that may not be written."""
    line = json.dumps({"time_ns": clock.now_ns(), **said})
    try:
        with (place.home / place.name / file).open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")
    except OSError:
        return


def notes(place: Place, file: str) -> Iterator[dict[str, object]]:
    """Yield what is noted, oldest first; a line that is none is passed over."""
    try:
        lines = (place.home / place.name / file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict):
            yield said


def recoveries(place: Place) -> int:
    """Return how many starts on a journal that was there are noted."""
    return sum(1 for said in notes(place, SESSIONS) if "records" in said)


def newest_session(place: Place, end: int) -> int | None:
    """Return the number of the newest session that is noted before an offset."""
    begun = [
        said["session"]
        for said in notes(place, SESSIONS)
        if isinstance(said.get("session"), int)
        and isinstance(at := said.get("offset"), int)
        and at < end
    ]
    return int(str(begun[-1])) if begun else None


def verified(place: Place) -> dict[str, object] | None:
    """Return what the newest verification that ended said, if one is noted."""
    return next(reversed([*notes(place, VERIFICATIONS)]), None)


def covered(offset: int, verified: dict[str, object] | None) -> str:
    """Say what the newest verification said of a checkpoint."""
    if verified is None or offset >= int(str(verified.get("records", 0))):
        return "not yet"
    if verified.get("depth") == "quick":
        return "not looked at"
    return f"{verified.get('verdict')} ({verified.get('depth')})"
