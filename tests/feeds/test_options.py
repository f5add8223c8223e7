"""Timeouts and limits: one value that nobody changes."""

from dataclasses import FrozenInstanceError, asdict

import pytest

from feeds.options import FeedOptions


def test_every_figure_names_its_unit() -> None:
    """Seconds, records or bytes, all above nothing."""
    for name, value in asdict(FeedOptions()).items():
        assert name.endswith(("_s", "_records_max", "_bytes_max")), name
        assert value > 0, name


def test_it_is_frozen() -> None:
    options = FeedOptions()
    with pytest.raises(FrozenInstanceError):
        options.settle_s = 1.0  # type: ignore[misc]
