"""The picture of the live view: the last frame that a real session drew on a terminal.

    uv run python docs/picture.py [SECONDS]

Writes `docs/assets/live.svg`. The session is `trader live --simulated` in a home of its own, on a
pseudo terminal; nothing of the picture is drawn by hand.
"""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ASSET = Path(__file__).parent / "assets" / "live.svg"
COLUMNS = 88
_FONT = re.compile(r"\s*@font-face \{\{.*?\}\}", re.DOTALL)
"""Fonts that a reader's browser would fetch; the fallback of the same rule is there everywhere."""


def frames(seconds: int) -> str:
    """Return all that a session of some seconds writes to its terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": "40"}
    with TemporaryDirectory() as home:
        command = [sys.executable, "-m", "cli.main", "live", "--simulated"]
        running = subprocess.Popen(
            [*command, "--for", f"{seconds}s", "--home", home],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
        )
        os.close(theirs)
        said = bytearray()
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the last process that had the terminal has ended
                break
            if not part:
                break
            said += part
        if running.wait() != 0:
            sys.exit(said.decode(errors="replace"))
    return said.decode()


def last_frame(said: str) -> str:
    """Return what was drawn after the block was erased for the last time, without what follows."""
    drawn = said.rsplit("\x1b[2K", 1)[1]
    return drawn.partition("stopped by")[0].replace("\r", "").strip("\n")


def main() -> None:
    """Run a session and write its picture."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    frame = Text.from_ansi(last_frame(frames(seconds)))
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print("$ uv run trader live --simulated --for 60s", style="bold")
    console.print(frame)
    ASSET.parent.mkdir(exist_ok=True)
    picture = console.export_svg(title="trader", code_format=_FONT.sub("", CONSOLE_SVG_FORMAT))
    ASSET.write_text(picture, encoding="utf-8")
    print(f"{ASSET}: {ASSET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
