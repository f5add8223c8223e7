"""The rules of a venue that decide about a journal: its checksum, its fees, its smallest amounts.

They are looked up by the name that stands in the journal (`feeds.venue` finds the client by the
same name). A journal that names no venue is BTC Markets'. Rules are for ever: to change one would
change decisions that are recorded. A venue that changes its rules gets another name.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine import checksum

BTC_MARKETS = "btcmarkets"
"""The venue of journals that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTiers:
    """What a taker pays, by the volume traded in the last thirty days, in the quote currency."""

    tiers: tuple[tuple[int, int], ...]
    """(volume up to and including which it holds, in whole units; fee, ppm), volumes rising."""

    lowest_ppm: int
    """The fee above the last tier's volume, parts per million."""

    @property
    def first_ppm(self) -> int:
        """The fee of an account that has not traded."""
        return self.tiers[0][1] if self.tiers else self.lowest_ppm


@dataclass(frozen=True, slots=True, kw_only=True)
class BookChecksum:
    """How a venue signs its book: the levels it covers, the text of one, and the sum of all."""

    levels: int
    """How many levels a side are covered."""

    signed: Callable[[tuple[int, int, int, int]], str]
    """(price, its decimals, volume, its decimals), in 1e-8 → what of a level is signed."""

    of: Callable[[Iterable[str]], int]
    """The signed texts, bids then asks, each best first → the checksum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """What of a venue decides; the steps of its amounts are defaults of a journal's parameters."""

    fees: FeeTiers
    book_checksum: BookChecksum
    """A venue that sends no checksums may have any: it is asked only where a record has one."""

    amount_decimals: int
    """Decimals of an order's amount."""

    amount_min_e8: int
    """Least amount of a buy, in 1e-8."""

    @property
    def parameters(self) -> dict[str, object]:
        """The engine's parameters that follow from the venue, unless others are chosen."""
        return {"amount_decimals": self.amount_decimals, "amount_min_e8": self.amount_min_e8}


_BTC_MARKETS_CHECKSUM = BookChecksum(
    levels=checksum.LEVELS_SIGNED, signed=checksum.signed, of=checksum.checksum_of
)

_BTC_MARKETS_FEES = FeeTiers(
    tiers=(
        (500, 8_500), (1_000, 8_300), (3_000, 8_000), (9_000, 7_500), (18_000, 7_000),
        (40_000, 6_500), (60_000, 6_000), (70_000, 5_500), (80_000, 5_000), (90_000, 4_500),
        (115_000, 4_000), (125_000, 3_500), (200_000, 3_000), (400_000, 2_500), (650_000, 2_300),
        (850_000, 2_000), (1_000_000, 1_800), (3_000_000, 1_500), (5_000_000, 1_300),
    ),
    lowest_ppm=1_000,
)  # fmt: skip
"""Source: BTC Markets' fee page, as archived on 2025-12-05: one rate for makers and takers on pairs
quoted in AUD and USDT, by the rolling volume of thirty days in AUD, recomputed hourly. Pairs quoted
in BTC have a flat fee of another size: give it as the parameter ``fee_ppm``."""

RULES = {
    BTC_MARKETS: VenueRules(
        fees=_BTC_MARKETS_FEES,
        book_checksum=_BTC_MARKETS_CHECKSUM,
        amount_decimals=8,
        amount_min_e8=10_000,
    ),
}
"""The rules, by the venue's name."""


def rules_at(venue: str) -> VenueRules:
    """Return the rules of a venue.

    Raises:
        KeyError: if this version has none for it.
    """
    return RULES[venue]


DEFAULT_RULES = RULES[BTC_MARKETS]
