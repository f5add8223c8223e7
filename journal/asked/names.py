"""Names that become directories: a market's id and a journal's. Checked once, before any path.

A name may come from an argument, a configuration, a recording or the exchange. What is not of
these two forms is no name, so no name can lead out of its home, hide, or confuse a terminal.
"""

import re

from eventlog.printable import printable
from feeds.venue import BTC_MARKETS, venue
from journal.errors import UsageError

_JOURNAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def is_journal(text: str) -> bool:
    """Return whether a text may name a journal: letters, digits, ``.``, ``_`` and ``-``.

    >>> is_journal("BTC-AUD.simulated"), is_journal("../x"), is_journal(".hidden")
    (True, False, False)
    """
    return _JOURNAL.fullmatch(text) is not None


def check_journal(text: str) -> str:
    """Return the name of a journal.

    Raises:
        UsageError: if it cannot be one.
    """
    if is_journal(text):
        return text
    hint = "Letters, digits, '.', '_' and '-', up to 64, a letter or digit first: BTC-AUD."
    raise UsageError(f"{printable(text, 80)!r} is no journal's name", hint=hint)


def check_market(text: str, option: str = "--market", *, venue_name: str = BTC_MARKETS) -> str:
    """Return the id of a market of a venue, which an option named.

    Raises:
        UsageError: if it cannot be one; what was meant is suggested.
    """
    place = venue(venue_name)
    if place.is_market(text):
        return text
    meant = re.sub(r"[-_/ :]+", "-", text.strip().upper())
    hint = f"Markets are {place.facts.market_form}."
    if place.is_market(meant):
        hint = f"Did you mean {meant}?"
    problem = f"{option} {printable(text, 80)}: not a market's id"
    raise UsageError(problem, hint=hint)
