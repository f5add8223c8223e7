"""The source of an import: its files, in their order, and how they are read.

All of this is checked before TensorFlow is loaded.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from engine.parameters import parameters_from
from engine.venue_rules import rules_at
from eventlog.log import Log
from eventlog.printable import printable
from eventlog.records import SessionEnded, SessionStarted
from feeds import clock
from feeds.errors import TableUnreadable
from feeds.files import survey
from feeds.files.layout import COLUMNS, Layout
from feeds.files.survey import Survey
from feeds.files.times import UNITS_NS
from feeds.venue import BTC_MARKETS
from journal.asked.settings import Settings
from journal.errors import UsageError
from journal.header import check_venue, header_of
from journal.layout import JournalPath
from journal.progress import progress
from journal.reading import scan
from journal.reading.sessions import check_newest

_DAY_NS = 86_400 * 10**9
_SHOWN_CHARACTERS = 1_000
_HINT = "Import into another --home, or remove the journal first."


def layout_of(assignments: Sequence[str], time_unit: str | None) -> Layout:
    """Return the layout that ``--map`` and ``--time-unit`` describe.

    Raises:
        UsageError: if an assignment or the unit is invalid.
    """
    names: dict[str, str] = {}
    for assignment in assignments:
        column, equals, name = assignment.partition("=")
        what = f"--map {printable(assignment, 80)}"
        if not equals or not name or column not in COLUMNS:
            hint = f"COLUMN is one of {', '.join(COLUMNS)}."
            raise UsageError(f"{what}: not COLUMN=NAME", hint=hint)
        if column in names:
            raise UsageError(f"{what}: {column} is mapped twice")
        names[column] = name
    if time_unit is not None and time_unit not in UNITS_NS:
        hint = f"There are: {', '.join(UNITS_NS)}."
        problem = f"--time-unit {printable(time_unit, 80)}: not a unit"
        raise UsageError(problem, hint=hint)
    return Layout(names, time_unit)


def surveyed(
    paths: Sequence[Path],
    market: str,
    layout: Layout,
    *,
    tell: Callable[[str], None],
    venue: str = BTC_MARKETS,
) -> list[Survey]:
    """Read all files once; return what each of them holds.

    Args:
        paths: the files, in the order in which they are named.
        market: the market whose frames are taken from recordings.
        layout: how tables are read.
        tell: called once for each file, with a sentence about how it was understood.
        venue: the venue whose frames recordings hold.

    Raises:
        UsageError: if two files are the same, or one is of the future.
        VenueUnknown: if there is no such venue.
        TableUnreadable: if one is missing, damaged, of no known kind, or empty.
    """
    # The quick checks of all files come first.
    surveys = [survey.begun(path, market, layout, venue=venue) for path in paths]
    for each in surveys:
        with progress(f"reading {printable(each.path.name, 40)}", None) as advance:
            survey.completed(each, advance)
        _check_past(each)
        tell(printable(str(each), _SHOWN_CHARACTERS))
    _check_different(surveys)
    return surveys


def _check_past(each: Survey) -> None:
    if each.earliest_ns > clock.now_ns() + _DAY_NS:
        began = datetime.fromtimestamp(each.earliest_ns // 10**9, UTC).date()
        why = f"its times begin on {began}, which this machine's clock says is to come"
        raise TableUnreadable(path=each.path, why=why)


def _check_different(surveys: Sequence[Survey]) -> None:
    known: dict[str, Path] = {}
    for each in surveys:
        if each.digest in known:
            same = f"{printable(str(known[each.digest]))} and {printable(str(each.path))}"
            raise UsageError(f"{same} are the same bytes: name them once")
        known[each.digest] = each.path


def described(found: Sequence[Survey]) -> dict[str, Any]:
    """Return the identity of an import's files and layout, for the start of its session."""
    return {
        "files": [
            {
                "name": str(each.path),
                "size_bytes": each.identity.size_bytes,
                "digest": each.digest,
                "kind": each.kind,
            }
            for each in found
        ],
        "layout": asdict(found[0].layout),
    }


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The journal of an import, which an earlier run may have begun."""

    place: JournalPath
    settings: Settings
    venue: str = BTC_MARKETS

    def check(self, found: Sequence[Survey]) -> None:
        """Refuse to continue an import with anything but what it was begun with.

        Raises:
            UsageError: if the journal is finished, or is of other files, parameters or venue.
            JournalIncompatible: if another version of the step began it.
            Locked: if another process writes it.
        """
        if not self.place.log.exists():
            return
        open_log = partial(Log.open, self.place.log, segment_bytes=self.settings.segment_bytes)
        with open_log() as log:
            if not log.end:
                return
            what = f"{self.place.home / self.place.name}"
            if scan.last(log, SessionEnded) is not None:
                raise UsageError(f"{what} is a finished import already", hint=_HINT)
            check_newest(log, self.place)
            first = next(record for _, record in scan.records(log, 0, 1))
            detail = json.loads(first.detail) if isinstance(first, SessionStarted) else {}
            if why := difference(detail.get("source"), found):
                raise UsageError(f"{what} was begun {why}", hint=_HINT)
            check_venue(self.venue, header_of(log, self.place), self.place)
        begun = parameters_from(detail["parameters"])
        chosen = {**rules_at(self.venue).parameters, **self.settings.engine}
        if self.settings.engine and parameters_from(chosen) != begun:
            raise UsageError(f"{what} was begun with other parameters", hint=_HINT)


def difference(begun: Any, found: Sequence[Survey]) -> str:
    """Return, in words, how the source that a journal was begun from differs from these files.

    Empty if it does not. The bytes and the order of the files count, not their names: a file may
    have moved. Earlier versions recorded a digest by name, and no order.
    """
    if not isinstance(begun, dict):
        return "otherwise than by an import"
    if isinstance(begun["files"], dict):
        if begun["files"] != {each.path.name: each.digest for each in found}:
            return "from other files"
        # Without a named unit it was ns; files with times in another unit are refused earlier.
        unit, names = found[0].layout.time_unit or "ns", dict(found[0].layout.names)
        same = begun["layout"] == {"names": names, "time_unit": unit}
        return "" if same else "with other --map or --time-unit"
    now = described(found)
    then, files = ([_bytes(each) for each in files] for files in (begun["files"], now["files"]))
    if then != files:
        is_order = Counter(then) == Counter(files)
        return "from these files in another order" if is_order else _other(begun["files"], found)
    return "" if begun["layout"] == now["layout"] else "with other --map or --time-unit"


def _bytes(file: Any) -> tuple[object, ...]:
    return file["size_bytes"], file["digest"], file["kind"]


def _other(files: Any, found: Sequence[Survey]) -> str:
    names = {each["name"] for each in files}
    known = {each["digest"] for each in files}
    changed = [str(each.path) for each in found if each.digest not in known]
    if not changed:
        missing = ", ".join(printable(name) for name in sorted(names))
        return f"from other files: {missing}"
    what = "which has changed" if changed[0] in names else "which was not among them"
    return f"from other files than {printable(changed[0])}, {what}"


def why_no_label(found: Sequence[Survey], horizon_ms: int) -> str:
    """Return why nothing could be learned from files."""
    kinds = sum((each.kinds for each in found), Counter[str]())
    crossed = sum(each.noted["crossed"] for each in found)
    quotes = kinds["quote"] + kinds["book"]
    span_ns = max(each.latest_ns for each in found) - min(each.earliest_ns for each in found)
    if not quotes:
        return "there is no quote, and trades alone have no price that a label could compare"
    if crossed == quotes:
        return "all quotes are crossed"
    if span_ns <= horizon_ms * 10**6:
        span = f"the files cover {span_ns / 1e9:g} s"
        return f"{span}, and a label is known {horizon_ms / 1e3:g} s later (horizon_ms)"
    return f"no price moved within {horizon_ms / 1e3:g} s (horizon_ms) without a gap between"
