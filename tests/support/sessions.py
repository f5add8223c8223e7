"""Sessions as processes of their own: what another process has made durable."""

import subprocess
import time
from pathlib import Path

from eventlog.errors import EventLogError
from eventlog.reader import Reader
from fixtures.record import JOURNAL

PATIENCE_S = 120.0


def durable_records(place: Path) -> int:
    """Return how many records a journal holds, which another process is writing."""
    try:
        return Reader.open(place / "log").end
    except EventLogError:
        return 0


def wait_for(home: Path, records: int, child: "subprocess.Popen[str]") -> None:
    """Wait until so many records are durable."""
    deadline = time.monotonic() + PATIENCE_S
    log: Reader | None = None
    while (log.end if log else 0) < records:
        assert child.poll() is None, "the session ended by itself"
        assert time.monotonic() < deadline, f"no {records} records within {PATIENCE_S} s"
        time.sleep(0.02)
        if (home / JOURNAL / "log" / "MANIFEST").exists():
            if log is None:
                log = Reader.open(home / JOURNAL / "log")
            log.refresh()
