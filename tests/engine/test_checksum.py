"""The checksum against the exchange's own vectors, and against the rule as documented."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checksum import book_checksum
from eventlog.records import parse_e8

Side = list[tuple[str, str]]

TEN_BIDS: Side = [
    ("58", "1.9599"),
    ("57.45", "0.01969999"),
    ("57.39", "1.88"),
    ("57.31", "1.48"),
    ("57.29", "1.07"),
    ("57.18", "0.384"),
    ("57.14", "0.345"),
    ("57.12", "0.9"),
    ("57.1", "1.72"),
    ("56.97", "4.91"),
]
TEN_ASKS: Side = [
    ("60", "3"),
    ("60.5", "1"),
    ("61", "3"),
    ("62", "2"),
    ("63", "1"),
    ("66", "0.1"),
    ("67", "0.1"),
    ("68", "2"),
    ("69", "1"),
    ("70", "2.1"),
]

EXCHANGE_VECTORS: list[tuple[str, Side, Side, int]] = [
    (
        "trailing zeros are kept, one price twice",
        [("0.396", "51.0"), ("0.396", "25.0"), ("0.3958", "18570.0")],
        [("0.3965", "44149.815"), ("0.3967", "16000.0")],
        2254383345,
    ),
    (
        "bitcoin",
        [("15977.45", "0.00620606"), ("15977.44", "0.1"), ("15977.4", "0.35")],
        [("16015.39", "0.15"), ("16015.4", "1.73639097"), ("16015.56", "2")],
        2863372953,
    ),
    ("no bids", [], [("16015.39", "0.15")], 3417282216),
    ("empty book", [], [], 0),
    ("leading zero", [], [("0.99", "1")], 2342619789),
    ("one a side", [("0.99", "1")], [("1.01", "2")], 2111165642),
    ("no asks", [("10.01", "1")], [], 429948050),
    ("integers", [], [("1", "100"), ("2", "100"), ("3", "100")], 158396744),
    ("volume with decimals", [], [("1", "99.9")], 334011253),
    ("ten a side", TEN_BIDS, TEN_ASKS, 1666031697),
]
OTHER_VECTORS: list[tuple[str, Side, Side, int]] = [
    (
        "S1 small prices",
        [("0.02650693", "0.79137487"), ("0.0265069", "10"), ("0.00000013", "270")],
        [("0.0329703", "2.52"), ("0.03297033", "10")],
        366220266,
    ),
    ("S2 eleven a side", [*TEN_BIDS, ("56.9", "1")], [*TEN_ASKS, ("71", "1")], 1666031697),
    (
        "S3 the eleventh enters",
        [*TEN_BIDS[1:], ("56.9", "1")],
        [*TEN_ASKS, ("71", "1")],
        4026264846,
    ),
]


def levels(side: Side) -> list[tuple[int, int, int, int]]:
    return [(*parse_e8(price), *parse_e8(volume)) for price, volume in side]


@pytest.mark.parametrize(
    ("bids", "asks", "expected"),
    [pytest.param(*vector[1:], id=vector[0]) for vector in EXCHANGE_VECTORS + OTHER_VECTORS],
)
def test_public_vectors(bids: Side, asks: Side, expected: int) -> None:
    """The exchange's ten vectors and three further ones come out as published."""
    assert book_checksum(levels(bids), levels(asks)) == expected


def test_asks_before_bids_is_another_checksum() -> None:
    """The order of the sides counts: the ten-a-side book with sides swapped is not accepted."""
    swapped = book_checksum(levels(TEN_ASKS), levels(TEN_BIDS))

    assert swapped == 1638144709
    assert swapped != 1666031697


DECIMALS = st.from_regex(r"[0-9]{1,10}(\.[0-9]{1,8})?", fullmatch=True)
SIDES = st.lists(st.tuples(DECIMALS, DECIMALS), max_size=12)


def strip(text: str) -> str:
    return text.replace(".", "", 1).lstrip("0")


@given(bids=SIDES, asks=SIDES)
def test_it_is_the_documented_rule_on_the_texts_as_sent(bids: Side, asks: Side) -> None:
    """Counts and decimals carry all that the rule on texts needs, trailing zeros included."""
    text = "".join(strip(p) + strip(v) for side in (bids[:10], asks[:10]) for p, v in side)

    assert book_checksum(levels(bids), levels(asks)) == zlib.crc32(text.encode())
