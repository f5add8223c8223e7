"""The switch that is pressed while all is well."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from journal.live import heartbeat
from journal.live.heartbeat import Heartbeat
from journal.live.prometheus import Metrics


def test_it_calls_and_waits_for_nobody() -> None:
    """An answer that is no success, or none at all, is counted and no more."""
    with Metrics(0, dict) as metrics:
        switch = Heartbeat(metrics.url)
        switch.ping()
        switch.wait()
        missing = Heartbeat(metrics.url.replace("metrics", "nothing"))
        missing.ping()
        missing.wait()

    assert (switch.calls, switch.failures) == (1, 0)
    assert (missing.calls, missing.failures) == (1, 1)
    for url in ("http://127.0.0.1:9/", "not a url"):
        nobody = Heartbeat(url)
        nobody.ping()
        nobody.wait()
        assert (nobody.calls, nobody.failures) == (1, 1)


def test_no_switch() -> None:
    """Without a URL nothing is called."""
    switch = Heartbeat(None)
    switch.ping()
    switch.wait()

    assert switch.calls == 0


@contextmanager
def answering(head: bytes, again: bytes = b"") -> Iterator[tuple[str, list[int]]]:
    """Answer every call with these bytes, then with more until the caller has left."""
    sent: list[int] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                try:
                    client.recv(1 << 16)
                    client.sendall(head)
                    while again:
                        sent.append(client.send(again))
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/", sent
        listening.shutdown(socket.SHUT_RDWR)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("head", "again", "failures"),
    [
        (OK + b"Content-Length: 786432000\r\n\r\n", b"x" * (1 << 16), 0),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot a gzip", b"", 0),
        (OK, b"x: y\r\n" * 1_000, 1),
        (b"HTTP/1.1 302 Found\r\nLocation: ws://a..b/\r\nContent-Length: 0\r\n\r\n", b"", 1),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc\r\nContent-Length: 0\r\n\r\n", b"", 1),
        (b"\x00" * 100, b"", 1),
        (b"", b"", 1),
    ],
)
def test_however_it_is_answered(head: bytes, again: bytes, failures: int) -> None:
    """Only the status counts: no body is read, no redirect followed, and nothing raises."""
    with answering(head, again) as (url, sent):
        switch = Heartbeat(url)
        switch.ping()
        switch.wait()

    assert (switch.calls, switch.failures) == (1, failures)
    assert bool(switch.why) == bool(failures)
    assert sum(sent) < 64 << 20


def test_an_answer_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and all of it never would: the call ends by its own bound."""
    monkeypatch.setattr(heartbeat, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        switch = Heartbeat(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        switch.ping()
        client, _ = listening.accept()
        with client:
            client.sendall(OK)
            waits = threading.Event()
            while switch._calling is not None and switch._calling.is_alive():
                try:
                    client.sendall(b"x")
                except OSError:
                    break
                waits.wait(0.02)
        switch.wait()

    assert switch.failures == 1
    assert switch.why == "TimeoutError"


def test_no_proxy_of_the_environment_is_called_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch is pressed where it is, whatever the environment says."""
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "socks5h://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")

    with Metrics(0, dict) as metrics:
        switch = Heartbeat(metrics.url)
        switch.ping()
        switch.wait()

    assert (switch.calls, switch.failures, switch.why) == (1, 0, "")
