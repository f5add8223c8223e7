"""Trades, levels of a book and a market's rules, written by hand."""

from collections.abc import Iterable

from eventlog.records import Level, Trade, parse_e8

LISTING = {
    "marketId": "COMP-AUD", "baseAssetName": "COMP", "quoteAssetName": "AUD",
    "minOrderAmount": "0.00007", "maxOrderAmount": "1000000", "amountDecimals": "8",
    "priceDecimals": "2", "status": "Online",
}  # fmt: skip
"""A market as REST lists it."""


def page(ids: Iterable[int]) -> list[Trade]:
    """Return trades of these ids, newest first, as REST sorts them."""
    return [
        Trade(
            exchange_ns=0,
            received_ns=0,
            price_e8=1,
            volume_e8=1,
            price_decimals=0,
            volume_decimals=0,
            side=None,
            trade_id=trade_id,
            backfilled=True,
        )
        for trade_id in sorted(ids, reverse=True)
    ]


def level(price: str, volume: str) -> Level:
    (price_e8, price_decimals), (volume_e8, volume_decimals) = parse_e8(price), parse_e8(volume)
    return Level(price_e8, volume_e8, price_decimals, volume_decimals, 1 if volume_e8 else 0)
