"""The lengths of BTC Markets' candles, and how many of them one call gives."""

LENGTHS_NS = {
    f"{count}{unit}": count * length_ns
    for unit, length_ns, counts in (
        ("m", 60 * 10**9, (1, 3, 5, 15, 30)),
        ("h", 3_600 * 10**9, (1, 2, 3, 4, 6)),
        ("d", 86_400 * 10**9, (1,)),
    )
    for count in counts
}
"""The lengths of candles in ns, by the exchange's names of them."""

WINDOW_ROWS = 999
"""Lengths in one window of candles: with the row at its end, the thousand rows that a call gives at
most."""
