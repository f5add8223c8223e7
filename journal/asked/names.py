"""Names that become directories: a market's id and a journal's name, checked before any path.

A name may come from an argument, a configuration, a recording or the exchange. Only these two forms
are accepted, so no name can lead out of its home, be a hidden file, or confuse a terminal.
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
    """Return a text that is a valid journal name.

    Raises:
        UsageError: if it is not one.
    """
    if is_journal(text):
        return text
    hint = "Letters, digits, '.', '_' and '-', up to 64, a letter or digit first: BTC-AUD."
    raise UsageError(f"{printable(text, 80)!r} is no journal's name", hint=hint)


def check_market(text: str, option: str = "--market", *, venue_name: str = BTC_MARKETS) -> str:
    """Return an option's text that is a valid id of a venue's market.

    Raises:
        UsageError: if it is not one; a similar valid id is suggested.
    """
    named = venue(venue_name)
    if named.is_market(text):
        return text
    meant = re.sub(r"[-_/ :]+", "-", text.strip().upper())
    hint = f"Markets are {named.facts.market_form}."
    if named.is_market(meant):
        hint = f"Did you mean {meant}?"
    problem = f"{option} {printable(text, 80)}: not a market's id"
    raise UsageError(problem, hint=hint)
