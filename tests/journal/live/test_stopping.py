"""Signals during the start of a session, while no Python code runs that could handle them."""

import signal
import subprocess
import sys

import pytest

from journal.live.stopping import Stopping

PATIENCE_S = 60.0
"""How long a process that should have ended is waited for."""

PROGRAM = """
import ctypes, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # whatever whoever runs the tests has made of them
from journal.live.stopping import Stopping
with Stopping(leave=lambda: print("left", flush=True)) as stopping:
    if sys.argv[1] == "handed over":
        print(stopping.hand_over(), flush=True)
    print("starting", flush=True)
    libc = ctypes.CDLL(None)
    while True:
        libc.usleep(10**9)  # as a compiler does, it comes back to no handler for long
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_start_ends_at_once(number: signal.Signals) -> None:
    """Whatever it is busy with; what is to be done before is done, and the code is a clean one."""
    words = [sys.executable, "-c", PROGRAM, "starting"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "starting\n"
        child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE_S)

    assert (child.returncode, out) == (0, "left\n")
    assert err == f"stopped by {number.name} before the session began\n"


def test_after_the_start_it_is_the_supervisors() -> None:
    """One that came in between is known to whoever takes over, and before is as after."""
    before = signal.getsignal(signal.SIGTERM)
    with Stopping(leave=lambda: None) as stopping:
        assert stopping.hand_over() == ""
        signal.raise_signal(signal.SIGTERM)
        assert stopping.hand_over() == "SIGTERM"

    assert signal.getsignal(signal.SIGTERM) == before


def test_who_is_to_outlive_its_terminal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``nohup`` asks for."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stopping(leave=lambda: None) as stopping:
            assert [*stopping] == [signal.SIGINT, signal.SIGTERM]
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
