"""The figures over HTTP."""

import httpx2
import pytest

from feeds.metrics import Metrics


def test_figures_are_served_while_the_context_lasts() -> None:
    """As they are at each call; what is no number is not there."""
    figures: dict[str, dict[str, object]] = {"A-B": {"gaps": 1, "feed": "streaming", "lag": 0.25}}
    with Metrics(0, lambda: figures) as metrics, httpx2.Client(trust_env=False) as client:
        first = client.get(metrics.url)
        figures["A-B"]["gaps"] = 2
        second = client.get(metrics.url)
        other = client.get(metrics.url.replace("/metrics", "/"))

    assert first.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert first.text == (
        '# TYPE trader_gaps gauge\ntrader_gaps{market="A-B"} 1\n'
        '# TYPE trader_lag gauge\ntrader_lag{market="A-B"} 0.25\n'
    )
    assert 'trader_gaps{market="A-B"} 2\n' in second.text
    assert other.status_code == 404
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(metrics.url, trust_env=False)


def test_a_port_that_is_taken() -> None:
    """Is said at once."""
    with Metrics(0, dict) as metrics:
        port = int(metrics.url.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match="in use"):
            Metrics(port, dict)
