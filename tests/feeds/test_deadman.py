"""The switch that is pressed while all is well."""

from feeds.deadman import DeadMan
from feeds.metrics import Metrics


def test_it_calls_and_waits_for_nobody() -> None:
    """An answer that is no success, or none at all, is counted and no more."""
    with Metrics(0, dict) as metrics:
        switch = DeadMan(metrics.url)
        switch.press()
        switch.wait()
        missing = DeadMan(metrics.url.replace("metrics", "nothing"))
        missing.press()
        missing.wait()

    assert (switch.calls, switch.failures) == (1, 0)
    assert (missing.calls, missing.failures) == (1, 1)
    for url in ("http://127.0.0.1:9/", "not a url"):
        nobody = DeadMan(url)
        nobody.press()
        nobody.wait()
        assert (nobody.calls, nobody.failures) == (1, 1)


def test_no_switch() -> None:
    """Without a URL nothing is called."""
    switch = DeadMan(None)
    switch.press()
    switch.wait()

    assert switch.calls == 0
