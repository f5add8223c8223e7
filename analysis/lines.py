"""A record as one line for a person, or in the form of a template.

A template is text with fields in braces, as in ``{offset} {time} {kind} {bid} {ask}``: the fields
of the record, with prices and volumes as decimals, and ``offset``, ``kind`` and ``time``. A field
that a kind of record does not have is empty.
"""

import difflib
import json
import re
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from enum import StrEnum

from eventlog.gaps import missing_ns
from eventlog.printable import printable, printable_bytes
from eventlog.records import (
    KINDS,
    BookUpdate,
    Candle,
    Decision,
    Fill,
    Gap,
    Level,
    Milestone,
    Quote,
    Record,
    Trade,
    Undecodable,
    format_e8,
)
from feeds import clock
from journal.errors import UsageError
from journal.summaries import RecordSaid

_ALWAYS = ("offset", "kind", "time")
_KIND_OF = {cls: kind for kind, cls in KINDS.items()}
_RAW_SHOWN_BYTES = 60
_FIELD_CHARACTERS = 65_536
_WIDTH = re.compile(r"([<>^]?[1-9][0-9]{0,2})?", re.ASCII)


def kind_of(record: Record) -> str:
    """Return the kind as it stands in the log."""
    return _KIND_OF[type(record)]


def time_of(time_ns: int) -> str:
    """Return a time as ISO 8601 in UTC, to the millisecond.

    >>> time_of(1_795_219_200_500_000_000)
    '2026-11-21T00:00:00.500Z'
    """
    return clock.iso_utc(time_ns)


def brief(offset: int, record: Record) -> str:
    """Return a record's offset, time, kind and contents, in about a hundred columns."""
    head = f"{offset:>11,}  {time_of(record.received_ns)}  {kind_of(record):15}"
    return f"{head} {matter(record)}".rstrip()


def matter(record: Record) -> str:
    """Return the contents of a record as text, without its kind and its times."""
    match record:
        case Quote():
            prices = (record.bid_e8, record.ask_e8, record.last_e8)
            return "bid {} ask {} last {}".format(*(_short(price) for price in prices))
        case Trade():
            side = record.side.value if record.side else "?"
            late = ", backfilled" if record.backfilled else ""
            return f"{side} {_short(record.volume_e8)} at {_short(record.price_e8)}{late}"
        case Candle():
            return _candle(record)
        case BookUpdate():
            what = "whole book" if record.snapshot else "update"
            return f"{what}: {_best('bid', record.bids)}, {_best('ask', record.asks)}"
        case Decision():
            return (
                f"{printable(record.action)}: {printable(record.reason)} · p_up {record.p_up:.3f}"
                f" (raw {record.p_up_raw:.3f})"
                f" · edge {record.edge_ppm:+.1f} cost {record.cost_ppm:.1f} ppm"
            )
        case Fill():
            return (
                f"{record.side.value} {_short(record.volume_e8)} at {_short(record.price_e8)}, fee"
                f" {_short(record.fee_e8)}, ordered at {record.ordered_at:,}"
            )
        case Gap():
            seconds = missing_ns(record.from_ns, record.to_ns) / 10**9
            return f"{seconds:,.1f} s missing: {printable(record.why)}"
        case Milestone():
            happened = printable(with_detail(record.why, _detail(record.detail)))
            return f"{happened}, at tick {record.cause:,}"
        case Undecodable():
            shown = printable_bytes(record.raw, _RAW_SHOWN_BYTES)
            return f"{printable(record.why)}: {shown}"
    pairs = {key: value for key, value in asdict(record).items() if key != "received_ns"}
    return printable(" ".join(f"{key}={value}" for key, value in pairs.items()), 160)


def _candle(record: Candle) -> str:
    names = ("open", "high", "low", "close", "volume")
    said = " ".join(f"{name} {_short(getattr(record, f'{name}_e8'))}" for name in names)
    late = ", backfilled" if record.backfilled else ""
    start, seconds = time_of(record.exchange_ns)[:16], record.length_ns // 10**9
    return f"{start}Z {seconds} s: {said}{late}"


def with_detail(why: str, detail: Iterable[tuple[str, object]]) -> str:
    """Return what happened to the learner, with its details in parentheses."""
    known = ", ".join(f"{name} {value}" for name, value in detail)
    return f"{why} ({known})" if known else why


def _detail(text: str) -> Iterator[tuple[str, object]]:
    try:
        yield from json.loads(text or "{}").items()
    except (ValueError, AttributeError):
        yield "detail", text


def _best(word: str, levels: tuple[Level, ...]) -> str:
    if not levels:
        return f"no {word}s"
    first = levels[0]
    price, volume = _short(first.price_e8), _short(first.volume_e8)
    more = f" and {len(levels) - 1} more" if len(levels) > 1 else ""
    return f"{word} {volume} at {price}{more}" if first.volume_e8 else f"{word} {price} gone{more}"


def _short(value_e8: int) -> str:
    """Return a decimal without its trailing zeros.

    >>> _short(12_50000000), _short(100 * 10**8)
    ('12.5', '100')
    """
    return format_e8(value_e8).rstrip("0").rstrip(".")


def said(offset: int, record: Record) -> RecordSaid:
    """Return a record as a message."""
    return RecordSaid(offset=offset, kind=kind_of(record), fields=plain(record))


def plain(record: Record) -> dict[str, object]:
    """Return the fields of a record as JSON can hold them: counts stay counts."""
    return {key: _plain(value) for key, value in asdict(record).items()}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return _text(value)
    return value.value if isinstance(value, StrEnum) else value


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def template(text: str) -> Callable[[int, Record], str]:
    r"""Return a function from (offset, record) to a line; ``\t`` is a tab, ``\n`` a new line.

    Raises:
        UsageError: if the text is no template, or has a field that no record has.
    """
    text = text.replace("\\t", "\t").replace("\\n", "\n")
    known = {*_ALWAYS, *_known_fields()}
    try:
        parts = [part for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise UsageError(f"--format {text}: {error}") from None
    for _, name, spec, conversion in parts:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}."
            raise UsageError(f"--format: no field {name!r}", hint=hint)
        if conversion or not _WIDTH.fullmatch(spec or ""):
            hint = "A field may have a width of up to 3 digits, as in {offset:>12}."
            problem = f"--format: {conversion or spec!r} after the field {name}"
            raise UsageError(problem, hint=hint)

    def line(offset: int, record: Record) -> str:
        values = dict.fromkeys(known, "") | {
            "offset": str(offset),
            "kind": kind_of(record),
            "time": time_of(record.received_ns),
        }
        for name, value in plain(record).items():
            if name.endswith("_e8") and isinstance(value, int):
                values[name.removesuffix("_e8")] = _short(value)
            elif value is not None:
                values[name] = printable(str(value), _FIELD_CHARACTERS)
        return text.format_map(values)

    return line


def _known_fields() -> Iterator[str]:
    for cls in KINDS.values():
        for spec in fields(cls):
            yield spec.name.removesuffix("_e8")
