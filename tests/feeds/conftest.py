"""Real servers on loopback: the stand-in exchange, and servers that do just what a test says."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from feeds.simulator.server import Exchange
from feeds.simulator.source import Source
from tests.support.loopback import Script, Serve, scripted, serving


@pytest.fixture
def serve_source() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(source: Source, **options: Any) -> str:
            return stack.enter_context(serving(Exchange(source, **{"speed": None, **options})))

        yield start


@pytest.fixture
def serve_script() -> Iterator[Script]:
    with ExitStack() as stack:
        yield lambda talk: stack.enter_context(scripted(talk))
