"""The exact decimals of messages, as people read amounts."""

from eventlog.records import parse_e8
from journal.reading.score import money
from journal.summaries import AccountSaid


def amount(text: str | None) -> str:
    """Return an amount with two decimals, or a dash where there is none.

    >>> amount("10000.00000000"), amount(None)
    ('10,000.00', '-')
    """
    return "-" if text is None else money(parse_e8(text)[0]) or "-"


def account_lines(account: AccountSaid) -> list[str]:
    """Return a paper account as lines, next to those that it is compared with."""
    return [
        f"account: net {amount(account.equity)}, before fees {amount(account.gross_equity)};",
        (
            f"holding the same stake {amount(account.buy_hold_equity)},"
            f" random entry {amount(account.random_equity)};"
        ),
        (
            f"{account.round_trips:,} round trips, {account.winning_trips:,} of them won,"
            f" turnover {amount(account.turnover)}, deepest fall {amount(account.drawdown)}"
        ),
    ]
