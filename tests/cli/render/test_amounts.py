"""Exact decimals, as people read them."""

from cli.render.amounts import account_lines, amount
from journal.summaries import AccountSaid


def test_an_amount_has_two_decimals() -> None:
    assert amount("-0.00500000") == "-0.01"
    assert amount("1234567.00000000") == "1,234,567.00"
    assert amount(None) == "-"


def test_an_account_stands_next_to_those_it_is_compared_with() -> None:
    account = AccountSaid(
        equity="10001.00000000",
        gross_equity="10002.00000000",
        buy_hold_equity="10003.00000000",
        random_equity="10004.00000000",
        drawdown="5.00000000",
        turnover="6000.00000000",
        round_trips=1_007,
        winning_trips=8,
    )

    assert account_lines(account) == [
        "account: net 10,001.00, before fees 10,002.00;",
        "holding the same stake 10,003.00, random entry 10,004.00;",
        "1,007 round trips, 8 of them won, turnover 6,000.00, deepest fall 5.00",
    ]
