"""What is said when sessions have ended."""

from typing import Any

from cli.render.ended import as_lines
from journal.summaries import SessionSummary


def ended(**figures: Any) -> SessionSummary:
    """Return a summary of which only some figures matter here."""
    names = SessionSummary.__dataclass_fields__
    return SessionSummary(**{**dict.fromkeys(names), **figures})


def test_why_and_what_next() -> None:
    sessions = [ended(stopped_by="SIGINT"), ended(stopped_by="SIGINT", messages_dropped=1_200)]

    assert list(as_lines(sessions, home="other")) == [
        "1,200 messages could not be said here meanwhile",
        "stopped by SIGINT. What to do with it:",
        "  trader status --home other                   how it stands",
        "  trader verify --deep --home other            check it, and run it again",
        "  trader replay --from beginning --home other  the same, bit for bit",
    ]


def test_the_default_home_is_not_named() -> None:
    first, second, *_ = as_lines([ended(stopped_by="--for")], home="")

    assert first == "stopped by --for. What to do with it:"
    assert second == "  trader status                   how it stands"
