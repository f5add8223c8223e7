"""A dead man's switch: a URL that is called while all is well; silence is noticed elsewhere.

The call says nothing and what it answers is of no interest; one that hangs never holds anybody up.
"""

import threading
from contextlib import suppress

import httpx2

TIMEOUT_S = 10.0


class DeadMan:
    """The switch at a URL; ``None``: there is none."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._calling: threading.Thread | None = None
        self.calls = 0
        self.failures = 0

    def press(self) -> None:
        """Call the URL, unless the last call is still under way; returns at once."""
        if self._url is None or (self._calling is not None and self._calling.is_alive()):
            return
        self._calling = threading.Thread(target=self._call, daemon=True)
        self._calling.start()

    def wait(self) -> None:
        """Wait for a call that is under way."""
        if self._calling is not None:
            self._calling.join(TIMEOUT_S)

    def _call(self) -> None:
        assert self._url is not None
        self.calls += 1
        is_answered = False
        # Also a URL that is none: the switch is then never pressed, which is what it is there to
        # show.
        with suppress(httpx2.HTTPError, httpx2.InvalidURL, OSError):
            is_answered = httpx2.get(self._url, timeout=TIMEOUT_S).is_success
        self.failures += not is_answered
