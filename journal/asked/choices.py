"""Checks an option's word against those that it knows, and suggests the nearest one."""

import difflib
from collections.abc import Iterable

from eventlog.printable import printable
from journal.errors import UsageError


def check_kinds(kinds: list[str] | None) -> None:
    """Refuse words that are not kinds of records.

    Raises:
        UsageError: with the nearest kind, if there is one, and all of them.
    """
    from eventlog.records import KINDS

    for kind in kinds or []:
        check_choice("--kind", kind, KINDS)


def check_choice(option: str, text: str, known: Iterable[str]) -> None:
    """Refuse a word that an option does not know.

    Raises:
        UsageError: with the nearest known word, if there is one, and all of them.
    """
    words = list(known)
    if text in words:
        return
    near = difflib.get_close_matches(text.lower(), words, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    hint += f"Known: {', '.join(words)}."
    raise UsageError(f"{option} {printable(text, 80)}: unknown", hint=hint)
