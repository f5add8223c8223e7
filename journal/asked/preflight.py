"""Checks that are made before anything is loaded: URLs, files, homes, locks, disk space.

Every command checks its arguments here, before TensorFlow, which takes seconds to load. An error
names the option at fault; its exit code is 2 for usage and 3 for configuration.
"""

import math
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import urlsplit

from engine.parameters import Parameters, parameters_from
from eventlog.errors import Locked
from eventlog.printable import printable
from eventlog.recovery import LOCK
from eventlog.storage import DISK
from feeds import clock
from feeds.urls import HTTP_SCHEMES, SOCKET_SCHEMES, checked
from feeds.venue import venue
from journal import outputs
from journal.asked.settings import settings
from journal.errors import ConfigurationError, LimitReached, UsageError
from journal.layout import JournalPath

_OLDEST_NS, _NEWEST_NS = 1_577_836_800 * 10**9, 7_258_118_400 * 10**9
"""From 2020 to 2200: the times at which a clock is believed."""

_TWINS = {"http": "ws", "https": "wss", "ws": "http", "wss": "https"}
_LOOKS: dict[tuple[str, ...], str] = {
    SOCKET_SCHEMES: venue().facts.websocket_url,
    HTTP_SCHEMES: "https://example.org/path",
}
_USER = re.compile(r"//[^/@]*@")


def check_websocket(option: str, url: str) -> None:
    """Refuse what is not the URL of a websocket, or has parts that would be ignored.

    Raises:
        UsageError: with what is wrong with it.
    """
    _check_url(option, url, SOCKET_SCHEMES)


def check_http(option: str, url: str | None) -> None:
    """Refuse what is not the URL of a web server; ``None`` is accepted.

    Raises:
        UsageError: with what is wrong with it.
    """
    if url is not None:
        _check_url(option, url, HTTP_SCHEMES)


def check_trust(*urls: str | None) -> None:
    """Refuse unreadable certificates, if one of these URLs needs any.

    Raises:
        TrustInvalid: naming the environment variable.
    """
    if any(urlsplit(url).scheme in ("wss", "https") for url in urls if url is not None):
        from feeds import trust  # slow to import, and not always needed

        trust.tls()


def _check_url(option: str, url: str, schemes: tuple[str, ...]) -> None:
    try:
        checked(url, schemes)
    except ValueError as error:
        hint = f"It looks like {_LOOKS[schemes]}."
        scheme, colon, rest = url.partition("://")
        if colon and _TWINS.get(scheme) in schemes:
            hint = f"Did you mean {_TWINS[scheme]}://{printable(rest, 100)}?"
        # A password must not get into a log.
        shown, hint = (_USER.sub("//…@", text) for text in (printable(url, 100), hint))
        problem = f"{option} {shown}: {printable(str(error))}"
        raise UsageError(problem, hint=hint) from error


def check_clock() -> None:
    """Refuse a clock that cannot be right: every record would have a wrong time for good.

    Raises:
        ConfigurationError: if it is decades off.
    """
    now_ns = clock.now_ns()
    if not _OLDEST_NS <= now_ns <= _NEWEST_NS:
        problem = f"the clock of this machine says {clock.iso_utc(now_ns)}"
        raise ConfigurationError(problem, hint="Set it first: timedatectl.")


def check_finite(option: str, value: float) -> None:
    """Refuse infinities and NaN.

    Raises:
        UsageError: if it is not finite.
    """
    if not math.isfinite(value):
        raise UsageError(f"{option} {value}: not a time")


def check_files(paths: Iterable[Path]) -> None:
    """Refuse paths that are missing, not regular files, or not readable.

    Raises:
        CommandError: (2) if one is missing or not a regular file, (3) if it is not readable.
    """
    for path in paths:
        shown = printable(str(path))
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"{shown}: {why}") from error
        if not stat.S_ISREG(mode):
            raise UsageError(f"{shown}: not a file")
        if not os.access(path, os.R_OK):
            raise ConfigurationError(f"{shown}: no permission to read it")


def check_home(home: Path, *, min_free_bytes: int) -> None:
    """Refuse a home that nothing can be recorded into. Creates nothing.

    Raises:
        CommandError: (2) if it is a file or lies in a journal, (3) if it is not writable,
            (21) if less than ``min_free_bytes`` of disk space are free.
    """
    outputs.refuse_journal(home)
    outputs.check_directory(home)
    nearest = home.resolve()
    while not nearest.exists():
        nearest = nearest.parent
    free_bytes = DISK.free_bytes(nearest)
    if free_bytes < min_free_bytes:
        problem = f"{printable(str(home))}: {free_bytes >> 20:,} MiB are free"
        hint = f"At least {min_free_bytes >> 20:,} MiB are to stay so: --set log.min_free_mib=N."
        raise LimitReached(problem, hint=hint)


def check_unlocked(place: JournalPath) -> None:
    """Refuse a journal that another process records, and one that is not writable.

    Raises:
        ConfigurationError: if it is not writable.
        Locked: if another process records it.
    """
    if not place.log.exists():
        return
    for path in (place.log, *sorted(place.log.glob("*.open")), place.log / LOCK):
        if path.exists() and not os.access(path, os.W_OK):
            problem = f"{printable(str(path))}: no permission to write"
            raise ConfigurationError(problem)
    if DISK.locked(place.log / LOCK):
        raise Locked("another process writes to this log", path=place.log / LOCK)


def check_fork(
    place: JournalPath, kept: Parameters, out: Path | None, assignments: list[str] | None
) -> tuple[JournalPath, Parameters, dict[str, object]]:
    """Return where a fork is made, its parameters, and which of them were chosen.

    Without chosen parameters it has those of its origin: so the ticks of a journal that another
    version of the step recorded can be continued by this one.

    Raises:
        UsageError: if ``out`` is missing, or has that journal already.
        CommandError: as `check_home`.
        ParameterError: if a parameter is unknown, or its value invalid.
    """
    if out is None:
        raise UsageError("--set needs --out: a fork is a journal of its own")
    chosen = settings(out, assignments)
    target = replace(place, home=out)
    if target.log.exists():
        problem = f"{printable(str(target.log))} exists already: a fork makes a new journal"
        raise UsageError(problem, hint="Name another --out.")
    check_home(out, min_free_bytes=0)
    return target, parameters_from({**asdict(kept), **chosen.engine}), chosen.engine
