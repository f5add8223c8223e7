"""What can be known before anything is loaded: URLs, files, homes, locks, room.

Every command checks what it was given here, before TensorFlow, which takes seconds to load; what is
wrong is named with the option that said it. Usage is 2, what has to be set up otherwise is 3.
"""

import math
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cli import outputs
from cli.exits import CommandError, Exit
from cli.journal import Place
from cli.settings import settings
from engine.parameters import Parameters, parameters_from
from eventlog.errors import Locked
from eventlog.printable import printable
from eventlog.recovery import LOCK
from eventlog.storage import DISK

_URL_CHARACTERS = 2_048
_WEBSOCKET = {"ws", "wss"}
_HTTP = {"http", "https"}
_TWINS = {"http": "ws", "https": "wss", "ws": "http", "wss": "https"}
_LOOKS = {"ws": "wss://socket.btcmarkets.net/v2", "http": "https://example.org/path"}
_HOST_CHARACTERS = 253
_USER = re.compile(r"//[^/@]*@")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def check_websocket(option: str, url: str) -> None:
    """Refuse what is not the URL of a websocket, with nothing in it that is ignored.

    Raises:
        CommandError: (2) with what is wrong with it.
    """
    _check_url(option, url, _WEBSOCKET)


def check_http(option: str, url: str | None) -> None:
    """Refuse what is not the URL of a web server; ``None`` is none.

    Raises:
        CommandError: (2) with what is wrong with it.
    """
    if url is not None:
        _check_url(option, url, _HTTP)


def _check_url(option: str, url: str, schemes: set[str]) -> None:
    problem = _problem(url, schemes)
    if problem is None:
        return
    hint = f"It looks like {_LOOKS['ws' if schemes is _WEBSOCKET else 'http']}."
    scheme, colon, rest = url.partition("://")
    if colon and _TWINS.get(scheme) in schemes:
        hint = f"Did you mean {_TWINS[scheme]}://{printable(rest, 100)}?"
    shown = _USER.sub("//…@", printable(url, 100))  # a password is not for a log
    raise CommandError(Exit.USAGE, f"{option} {shown}: {problem}", hint=_USER.sub("//…@", hint))


def _problem(url: str, schemes: set[str]) -> str | None:
    """Return what is wrong with a URL, ``None`` if nothing is."""
    if len(url) > _URL_CHARACTERS:
        return "longer than a URL"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "a URL has no blanks, backslashes, or characters outside of ASCII"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return printable(str(error))
    if parts.scheme not in schemes:
        return f"not a URL that begins with {' or '.join(f'{each}://' for each in sorted(schemes))}"
    if not _is_host(parts):
        return "no host that there could be"
    if port == 0:
        return "port 0 is none"
    if "@" in parts.netloc:
        return "a user and a password are of no use here"
    return "what follows # is never sent" if "#" in url else None


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if ":" in host:
        return parts.netloc.startswith("[")
    labels = host.removesuffix(".").split(".")
    return len(host) <= _HOST_CHARACTERS and all(_LABEL.fullmatch(label) for label in labels)


def check_finite(option: str, value: float) -> None:
    """Refuse what is a number and no quantity.

    Raises:
        CommandError: (2) if it is not finite.
    """
    if not math.isfinite(value):
        raise CommandError(Exit.USAGE, f"{option} {value}: not a time")


def check_files(paths: Iterable[Path]) -> None:
    """Refuse files that are not there, are none, or may not be read.

    Raises:
        CommandError: (2) if one is missing or no file, (3) if it may not be read.
    """
    for path in paths:
        shown = printable(str(path))
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise CommandError(Exit.USAGE, f"{shown}: {why}") from error
        if not stat.S_ISREG(mode):
            raise CommandError(Exit.USAGE, f"{shown}: not a file")
        if not os.access(path, os.R_OK):
            raise CommandError(Exit.CONFIGURATION, f"{shown}: no permission to read it")


def check_home(home: Path, *, min_free_bytes: int) -> None:
    """Refuse a home that nothing can be recorded into. Makes nothing.

    Raises:
        CommandError: (2) if it is a file or lies in a journal, (3) if it may not be written to,
            (21) if there is less room than the least that is to stay free.
    """
    outputs.refuse_journal(home)
    outputs.check_directory(home)
    place = home.resolve()
    while not place.exists():
        place = place.parent
    free_bytes = DISK.free_bytes(place)
    if free_bytes < min_free_bytes:
        problem = f"{printable(str(home))}: {free_bytes >> 20:,} MiB are free"
        hint = f"At least {min_free_bytes >> 20:,} MiB are to stay so: --set log.min_free_mib=N."
        raise CommandError(Exit.HALT, problem, hint=hint)


def check_unlocked(place: Place) -> None:
    """Refuse a journal that another process records, and one that may not be written to.

    Raises:
        CommandError: (3) if it may not be written to.
        Locked: if another process records it.
    """
    if not place.log.exists():
        return
    for path in (place.log, *sorted(place.log.glob("*.open")), place.log / LOCK):
        if path.exists() and not os.access(path, os.W_OK):
            problem = f"{printable(str(path))}: no permission to write"
            raise CommandError(Exit.CONFIGURATION, problem)
    if DISK.locked(place.log / LOCK):
        raise Locked("another process writes to this log", path=place.log / LOCK)


def check_fork(
    place: Place, kept: Parameters, out: Path | None, assignments: list[str] | None
) -> tuple[Place, Parameters, dict[str, object]]:
    """Return where a fork goes, its parameters, and which of them were chosen.

    Raises:
        CommandError: (2) if one of --set and --out is missing, or there is a journal already; as
            `check_home` otherwise.
        ParameterError: if a parameter is none.
    """
    if out is None or not assignments:
        raise CommandError(Exit.USAGE, "--set and --out belong together: a fork is a journal")
    chosen = settings(out, assignments)
    target = replace(place, home=out)
    if target.log.exists():
        problem = f"{printable(str(target.log))} exists already: a fork makes a new journal"
        raise CommandError(Exit.USAGE, problem, hint="Name another --out.")
    check_home(out, min_free_bytes=0)
    return target, parameters_from({**asdict(kept), **chosen.engine}), chosen.engine
