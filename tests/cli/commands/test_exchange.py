"""``trader exchange`` as a process of its own: what it says, what it serves, how it ends."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from eventlog.records import Gap, Input, Quote, Trade
from feeds.btcmarkets.connection import Feed
from feeds.simulator.faults import FAULTS
from tests.support.commands import documented

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", "exchange", *arguments]


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command(*arguments), cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    message = json.loads(line)
    assert isinstance(message, dict)
    documented("exchange", message)
    return message


def taken(url: str, market: str, count: int) -> list[Input]:
    records: list[Input] = []
    with Feed(url, [market]) as feed:
        while len(records) < count:
            arrived = feed.take(PATIENCE_S)
            assert arrived
            records += arrived
    return records


def failed(*arguments: str) -> str:
    """Return the one sentence on stderr of a command that exits with 2."""
    result = subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def test_it_says_where_it_listens_and_what_can_be_foreseen() -> None:
    """One line of JSON at once, then a market of the seed that starts where it was told."""
    with running(
        *("--json", "--port", "0", "--speed", "max", "--seed", "5", "--start-price", "50000"),
        *("--start-time", "2026-01-02T03:04:05.000Z", "--market", "ETH-AUD"),
    ) as process:
        line = said(process)
        records = taken(str(line["url"]), "ETH-AUD", 200)

    quote = next(record for record in records if isinstance(record, Quote))
    accuracy = line.pop("best_accuracy")
    url = line.pop("url")
    assert line == {
        "message_type": "listening",
        "scenario": "calm",
        "recording": None,
        "best_accuracy_is_bound": False,
        "horizon_s": 1.0,
    }
    assert accuracy == pytest.approx(0.710, abs=1e-3)
    assert str(url).startswith("ws://127.0.0.1:")
    assert quote.exchange_ns == 1_767_323_045_100_000_000
    assert quote.bid_e8 == pytest.approx(50_000 * 10**8, rel=1e-3)


def test_it_says_it_to_people() -> None:
    """Without JSON it is a sentence, and where it is a bound it says so."""
    with running("--port", "0", "--scenario", "regime-switch") as process:
        assert process.stdout is not None
        line = process.stdout.readline()

    assert "scenario regime-switch" in line
    assert "at most 71.0%" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_well(number: signal.Signals) -> None:
    """Interrupted or terminated, with a client or without, it exits with 0 and says nothing."""
    with running("--json", "--port", "0", "--speed", "max") as process:
        with Feed(str(said(process)["url"]), ["BTC-AUD"]) as feed:
            assert feed.take(PATIENCE_S)
            process.send_signal(number)
            code = process.wait(PATIENCE_S)
        assert process.stderr is not None
        assert (code, process.stderr.read()) == (0, "")


def test_it_ends_with_its_parent() -> None:
    """When standard input closes, which it does when whoever holds it dies, it exits with 0."""
    with running("--json", "--port", "0", "--until-stdin-closes") as process:
        said(process)
        assert process.stdin is not None
        process.stdin.close()

        assert process.wait(PATIENCE_S) == 0


def test_a_recording_is_played_once(tmp_path: Path) -> None:
    """With ``--once`` it plays the recording, and ends when the client has left."""
    path = tmp_path / "r.zst"
    frame = {
        "messageType": "trade",
        "marketId": "A-B",
        "timestamp": "2026-09-23T04:31:09.259Z",
        "price": "1",
        "volume": "1",
    }
    lines = [json.dumps({"at": n, "frame": {**frame, "tradeId": n}}) + "\n" for n in range(50)]
    path.write_bytes(zstandard.compress("".join(lines).encode()))

    with running("--json", "--port", "0", "--recording", str(path), "--once") as process:
        line = said(process)
        records = taken(str(line["url"]), "A-B", 50)
        code = process.wait(PATIENCE_S)

    assert [record.trade_id for record in records if isinstance(record, Trade)] == list(range(50))
    assert (line["scenario"], line["best_accuracy"]) == (None, None)
    assert line["recording"] == str(path)
    assert code == 0


def test_faults_are_had() -> None:
    """A fault by name reaches the client."""
    with running(
        "--json", "--port", "0", "--speed", "max", "--fault", "drop=100", "--fault", "garbage=5"
    ) as process:
        records = taken(str(said(process)["url"]), "BTC-AUD", 400)

    assert any(isinstance(record, Gap) for record in records)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--recording", "no-such-file"], "cannot play no-such-file: No such file"),
        (["--recording", "README.md"], "cannot play README.md"),
        (["--scenario", "boom"], "--scenario boom: unknown"),
        (["--fault", "fire"], "unknown fault 'fire'"),
        (["--speed", "fast"], "--speed: 'fast' is neither"),
        (["--speed", "0"], "--speed: '0' is neither"),
        (["--speed", "nan"], "--speed: 'nan' is neither"),
        (["--market", "btc-aud"], "Did you mean BTC-AUD?"),
        (["--market", "A-B", "--market", "A-B"], "A-B: named twice"),
        (["--start-price", "-1"], "--start-price: -1 is not above zero"),
        (["--start-price", "much"], "--start-price: not a decimal"),
        (["--start-time", "now"], "--start-time: not a UTC timestamp"),
        (["--port", "65536"], "--port"),
    ],
)
def test_mistakes(arguments: list[str], sentence: str) -> None:
    """Each is one clear sentence on stderr and exit code 2."""
    assert sentence in failed(*arguments)


def test_a_port_that_is_taken() -> None:
    """The port is named."""
    with running("--json", "--port", "0") as process:
        port = str(said(process)["url"]).split(":")[2].split("/")[0]

        assert f"cannot listen on port {port}" in failed("--port", port)


def test_its_help_names_every_fault_and_loads_nothing_heavy() -> None:
    """Help is instant: neither arrays nor sockets are loaded for it."""
    program = (
        "import sys, cli.commands.exchange; print([m for m in sys.modules if m in sys.argv[1:]])"
    )
    heavy = ["tensorflow", "numpy", "pyarrow", "websockets", "asyncio"]
    loaded = subprocess.run(
        [sys.executable, "-c", program, *heavy],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    text = subprocess.run(
        command("--help"), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )

    assert loaded.stdout.strip() == "[]"
    assert all(name in text.stdout for name in FAULTS)
