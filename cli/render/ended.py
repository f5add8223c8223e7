"""How live sessions ended, as lines for people, and which commands show more."""

from collections.abc import Iterator, Sequence

from journal.summaries import SessionSummary

_NEXT = {
    "status": "how it stands",
    "verify --deep": "check it, and run it again",
    "replay --from beginning": "the same, bit for bit",
}


def as_lines(sessions: Sequence[SessionSummary], *, home: str) -> Iterator[str]:
    """Yield why they ended, and commands; ``home`` is the home as typed, empty by default."""
    if dropped := max((each.messages_dropped or 0 for each in sessions), default=0):
        yield f"{dropped:,} messages could not be said here meanwhile"
    why = ", ".join(dict.fromkeys(each.stopped_by for each in sessions))
    yield f"stopped by {why}. What to do with it:"
    where = f" --home {home}" if home else ""
    width = max(map(len, _NEXT)) + len(where)
    for command, does in _NEXT.items():
        yield f"  trader {command + where:{width}}  {does}"
