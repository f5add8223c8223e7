"""The figures over HTTP."""

import socket
from pathlib import Path

import httpx2
import pytest

from journal.live.prometheus import CONNECTIONS_MAX, REQUEST_BYTES_MAX, Metrics


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
        with pytest.raises(OSError, match="in use") as caught:
            Metrics(port, dict)

    assert caught.value.filename == f"127.0.0.1:{port}"


def port_of(metrics: Metrics) -> tuple[str, int]:
    """Return the address to connect to."""
    host, port = metrics.url.removeprefix("http://").removesuffix("/metrics").split(":")
    return host, int(port)


def test_whether_all_is_well() -> None:
    """200 while it is, 503 and the reason in one line while it is not."""
    trouble: list[str | None] = [None]
    with (
        Metrics(0, dict, lambda: trouble[0]) as metrics,
        httpx2.Client(trust_env=False) as client,
    ):
        url = metrics.url.replace("metrics", "healthz")
        well = client.get(url)
        trouble[0] = "no data: closed\n\x1b[2J"
        ill = client.get(url)
        head = client.head(url)

    assert (well.status_code, well.text) == (200, "ok\n")
    assert (ill.status_code, ill.text) == (503, "no data: closed\\n\\x1b[2J\n")
    assert (head.status_code, head.text) == (503, "")


def test_connections_that_ask_for_nothing_are_few_and_end() -> None:
    """Beyond a bound the next is closed at once; when those end, figures are served again."""
    before = len([*Path("/proc/self/fd").iterdir()])
    with Metrics(0, dict) as metrics:
        idle = [socket.create_connection(port_of(metrics)) for _ in range(5 * CONNECTIONS_MAX)]
        for each in idle[CONNECTIONS_MAX:]:
            assert each.recv(1) == b""
        ours = len([*Path("/proc/self/fd").iterdir()]) - before - len(idle)
        for each in idle[:CONNECTIONS_MAX]:
            assert each.recv(1) == b""  # after some seconds
        served = httpx2.get(metrics.url, trust_env=False)
        for each in idle:
            each.close()

    assert ours <= CONNECTIONS_MAX + 8
    assert served.status_code == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x00\x01\x02\r\n\r\n", b"400"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * REQUEST_BYTES_MAX + b"\r\n", None),
        (b"GET " + b"/" * (1 << 20), None),
    ],
)
def test_what_is_no_request(request_: bytes, status: bytes | None) -> None:
    """A short refusal, or none; the next is served."""
    with Metrics(0, dict) as metrics:
        with socket.create_connection(port_of(metrics)) as client:
            try:
                client.sendall(request_)
                answer = client.recv(1 << 16)
            except ConnectionError:
                answer = b""
        served = httpx2.get(metrics.url, trust_env=False)

    assert answer.split(b" ")[1:2] == ([] if status is None else [status])
    assert served.status_code == 200


def test_a_name_is_data() -> None:
    """What a market is called ends no label."""
    with Metrics(0, lambda: {'A"} 1\nB\\': {"gaps": 1}}) as metrics:
        text = httpx2.get(metrics.url, trust_env=False).text

    assert text == '# TYPE trader_gaps gauge\ntrader_gaps{market="A\\"} 1\\nB\\\\"} 1\n'


def test_figures_that_cannot_be_had() -> None:
    """Read beside threads that go on: what fails is an answer, too."""

    def fail() -> dict[str, dict[str, object]]:
        raise RuntimeError("dictionary changed size during iteration")

    with Metrics(0, fail) as metrics:
        assert httpx2.get(metrics.url, trust_env=False).status_code == 503


def test_the_end_with_connections_that_are_open(caplog: pytest.LogCaptureFixture) -> None:
    """They end with it, and nothing is said of that."""
    with Metrics(0, dict) as metrics:
        idle = socket.create_connection(port_of(metrics))
        with httpx2.Client(trust_env=False) as client:
            client.get(metrics.url)

    assert idle.recv(1) == b""
    idle.close()
    assert caplog.records == []
