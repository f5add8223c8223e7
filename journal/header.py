"""The header of a journal, from its first record, and the detail of every session's start."""

import json
import platform
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.errors import ParameterError
from engine.identity import step_identity
from engine.parameters import Parameters, digest_of, parameters_from
from engine.venue_rules import BTC_MARKETS, RULES, VenueRules, rules_at
from eventlog.log import Log
from eventlog.printable import printable
from eventlog.reader import Reader
from eventlog.records import SessionStarted
from journal.errors import JournalCorrupt, JournalIncompatible, UsageError
from journal.layout import JournalPath
from journal.reading.details import detail_of
from journal.reading.scan import Predecessor, records
from journal.versions import versions


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHeader:
    """What the first record of a journal fixes for good."""

    parameters: Parameters
    initial_state: str
    """The digest of the state before the first tick."""

    recorded: tuple[tuple[str, object], ...] = field(default=(), compare=False)
    """The parameters as they were recorded, perhaps by a version that had fewer."""

    venue: str = BTC_MARKETS
    """The venue of its market; BTC Markets if the journal names none."""

    @property
    def rules(self) -> VenueRules:
        """The rules of its venue."""
        return rules_at(self.venue)

    @property
    def parameters_digest(self) -> str:
        """The digest of the parameters as they were recorded."""
        return digest_of(dict(self.recorded)) if self.recorded else self.parameters.digest


def session_detail(
    header: JournalHeader,
    *,
    arithmetic: str,
    executor: str | None = None,
    url: str,
    resumed_from: int | None,
    predecessor: Predecessor | None,
    log: Log | None = None,
    self_checked: dict[str, object] | None = None,
    source: dict[str, object] | None = None,
    loading_ns: int | None = None,
    ready_ns: int | None = None,
) -> str:
    """Return the detail of a session's start, as JSON: all that is needed to replay the session.

    Args:
        header: the journal's header.
        arithmetic: the digest of this machine's arithmetic for the step.
        executor: who runs the step.
        url: where the records come from.
        resumed_from: the offset of the last record in the restored state.
        predecessor: the session before.
        log: the log that it is written to; its identity distinguishes a fork's own sessions from
            those that the fork copied.
        self_checked: the result of the self-check of the restored model.
        source: of an import or a backfill, what its records are read from.
        loading_ns: of a live session, when it began to load, in ns since 1970 UTC.
        ready_ns: of a live session, when it was ready to receive, likewise.
    """
    return json.dumps(
        {
            "venue": header.venue,
            "parameters": asdict(header.parameters),
            "initial_state": header.initial_state,
            "step": step_identity(),
            "arithmetic": arithmetic,
            "executor": executor,
            **({} if log is None else {"log": log.identity.hex()}),
            "url": url,
            "resumed_from": resumed_from,
            "predecessor": None if predecessor is None else asdict(predecessor),
            "rehearsed": self_checked,
            **({} if source is None else {"source": source}),
            **({} if ready_ns is None else {"loading_ns": loading_ns, "ready_ns": ready_ns}),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "versions": versions(),
        },
        sort_keys=True,
    )


def header_of(log: Log | Reader, place: JournalPath) -> JournalHeader:
    """Return the header of a journal, from the first record of its log.

    Raises:
        CommandError: (5) if the first record is not the start of a session; (12) if this version's
            engine does not have its parameters, or does not know its venue.
    """
    detail = _first_detail(log, place)
    venue = detail.get("venue", BTC_MARKETS)
    if not isinstance(venue, str) or venue not in RULES:
        named = printable(str(venue), 80)
        problem = f"{place.log}: recorded at {named!r}, a venue that this version does not know"
        raise JournalIncompatible(problem, hint="trader status, log and report read it.")
    try:
        parameters = parameters_from(detail["parameters"])
    except ParameterError as error:
        problem = f"{place.log}: recorded by another version of the engine: {error}"
        hint = "trader status, why, log and report read it; to go on, record into another home."
        raise JournalIncompatible(problem, hint=hint) from error
    return JournalHeader(
        parameters=parameters,
        initial_state=detail["initial_state"],
        recorded=tuple(sorted(detail["parameters"].items())),
        venue=venue,
    )


def check_venue(venue: str, header: JournalHeader, place: JournalPath) -> None:
    """Refuse to continue a journal at another venue: its decisions depend on the venue's rules.

    Raises:
        UsageError: if the journal's venue is another one.
    """
    if venue != header.venue:
        journal = printable(str(place.home / place.name))
        problem = f"{journal} was recorded at {header.venue}, and cannot go on at {venue}"
        hint = f"Leave --venue out or say --venue {header.venue}, or record into another --home."
        raise UsageError(problem, hint=hint)


def _first_detail(log: Log | Reader, place: JournalPath) -> dict[str, Any]:
    text = _first_text(log)
    if text is None:
        problem = f"{place.log}: the first record is not the start of a session"
        raise JournalCorrupt(problem)
    detail = detail_of(text)
    if not isinstance(detail.get("parameters"), dict):
        problem = f"{place.log}: the first record does not say its parameters"
        raise JournalCorrupt(problem)
    return detail


def _first_text(log: Log | Reader) -> str | None:
    """Return the detail of the first record, read once; ``None`` if that starts no session.

    If the first segment is damaged, the next readable start of a session is used: it states the
    same parameters.
    """
    for batch in log.read(0, 1, columns=("kind", "detail")):
        kind, text = (batch.column(name)[0].as_py() for name in ("kind", "detail"))
        return str(text) if kind == "session_started" else None
    starts = records(log, 0, log.end, kinds=["session_started"])
    return next((each.detail for _, each in starts if isinstance(each, SessionStarted)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The parameters that a journal was recorded with, for commands that only read it."""

    values: dict[str, Any]
    """Every parameter as the first session recorded it."""
    known: Parameters
    """Those that this version accepts, with its defaults for the others."""
    whole: bool
    """Whether this version accepts all of them, so that its engine could continue the journal."""

    @property
    def digest(self) -> str:
        """The digest of the parameters as they were recorded."""
        return digest_of(self.values)


def rules_of(log: Log | Reader, place: JournalPath) -> Rules:
    """Return the parameters that a journal was recorded with, whatever version recorded it.

    Raises:
        JournalCorrupt: if the first record is not the start of a session.
    """
    values = _first_detail(log, place)["parameters"]
    known: dict[str, Any] = {**values}
    # All together, since the range of one may depend on another: that of orders on the cash.
    while True:
        try:
            parameters = parameters_from(known)
            break
        except ParameterError as error:
            if known.pop(error.name, None) is None:
                known.popitem()
    return Rules(values=values, known=parameters, whole=len(known) == len(values))
