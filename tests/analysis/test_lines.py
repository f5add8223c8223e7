"""Records as lines."""

import pytest
from hypothesis import given

from analysis.lines import brief, kind_of, plain, template
from cli.exit_codes import code_of
from eventlog.records import BookUpdate, Candle, Level, Quote, Record
from journal.errors import CommandError
from tests.support.strategies import quote
from tests.support.strategies import records as any_record


@given(any_record)
def test_every_kind_has_its_line(record: Record) -> None:
    """One line, with the offset, the time and the kind in front."""
    line = brief(1_234, record)

    assert line.split()[0] == "1,234"
    assert line.split()[2] == kind_of(record)
    assert len(line) < 400


def test_a_book_says_its_best_prices() -> None:
    """A volume of zero deletes a price."""
    book = BookUpdate(
        exchange_ns=None,
        received_ns=1,
        bids=(Level(3 * 10**8, 5 * 10**7, 0, 1, 1), Level(2 * 10**8, 10**8, 0, 0, 1)),
        asks=(Level(4 * 10**8, 0, 0, 0, 0),),
        snapshot=False,
        checksum=None,
        snapshot_id=None,
    )

    assert brief(0, book).endswith("update: bid 0.5 at 3 and 1 more, ask 4 gone")


def test_a_candle_says_its_time_its_length_and_its_prices() -> None:
    candle = Candle(
        exchange_ns=1_795_219_200 * 10**9,
        received_ns=1,
        length_ns=60 * 10**9,
        open_e8=2 * 10**8,
        high_e8=4 * 10**8,
        low_e8=10**8,
        close_e8=3 * 10**8,
        volume_e8=5 * 10**7,
        backfilled=True,
    )

    said = "2026-11-21T00:00Z 60 s: open 2 high 4 low 1 close 3 volume 0.5, backfilled"
    assert brief(0, candle).endswith(said)


def test_a_form_of_ones_own() -> None:
    """Prices are decimals; what a kind does not have is empty."""
    record = Quote(
        exchange_ns=None,
        received_ns=1,
        bid_e8=150_000_000,
        ask_e8=2 * 10**8,
        last_e8=0,
        bid_decimals=1,
        ask_decimals=0,
        last_decimals=0,
        snapshot_id=None,
    )

    assert template(r"{offset}\t{kind} {bid} {ask} [{reason}]")(7, record) == "7\tquote 1.5 2 []"


@pytest.mark.parametrize("text", ["{colour}", "{", "{offset!r:{x}}{colour}"])
def test_what_is_no_form(text: str) -> None:
    """An unknown field, or no template at all, is a usage error."""
    with pytest.raises(CommandError) as caught:
        template(text)

    assert code_of(caught.value) == 2


def test_what_json_cannot_hold_is_text() -> None:
    """Sides are words; counts stay counts, exact."""
    assert plain(quote(3))["snapshot_id"] == 3
