"""What is wrong with a command is said before TensorFlow is loaded: the process refuses to."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.exit_codes import code_of
from eventlog.errors import Locked
from eventlog.log import Log
from fixtures.record import HERE, JOURNAL
from journal.asked import preflight
from journal.errors import CommandError
from journal.layout import JournalPath
from tests.support.commands import trader

PROGRAM = """
import json, sys
from pathlib import Path
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise RuntimeError(f"{name} was imported")
sys.meta_path.insert(0, Refuse())
from tests.support.commands import trader
def made():
    return sorted(str(path) for path in Path().rglob("*"))
def told(words):
    before = made()
    try:
        answer = trader(*words)
    except RuntimeError as error:
        return -1, "", str(error), False
    return answer.code, answer.out, answer.err, made() == before
print(json.dumps([told(words) for words in json.loads(sys.argv[1])]))
"""

OWN = ["--home", "own"]


class Said(NamedTuple):
    """How a command ended, what it said on each stream, and whether all files are as before."""

    code: int
    out: str
    err: str
    is_untouched: bool


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with journals, a table, and a configuration that is wrong."""
    place = tmp_path_factory.mktemp("preflight")
    shutil.copytree(HERE / "gap", place / "own")
    shutil.copytree(HERE / "gap" / JOURNAL, place / "fork" / JOURNAL)
    shutil.copytree(HERE / "gap" / JOURNAL, place / "several" / JOURNAL)
    shutil.copytree(HERE / "gap" / JOURNAL, place / "several" / "ETH-AUD")
    (place / "wrong").mkdir()
    (place / "wrong" / "trader.toml").write_text("[engine]\nfee_pm = 1\n")
    (place / "file").write_text("at,bid,ask\n")
    return place


def ran(place: Path, *commands: list[str]) -> list[Said]:
    """Run commands in a process in which TensorFlow cannot be imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    assert done.returncode == 0, done.stderr
    found = [Said(*answer) for answer in json.loads(done.stdout)]
    assert [said.out for said in found] == [""] * len(commands)
    return found


CASES: list[tuple[list[str], int, str]] = [
    (["live", "--market", "btc-aud"], 2, "Did you mean BTC-AUD?"),
    (["live", "--market", "../../X"], 2, "not a market's id"),
    (["live", "--market", "A-B", "--market", "A-B"], 2, "named twice"),
    (["live", "--url", "https://socket.btcmarkets.net/v2"], 2, "Did you mean wss://socket"),
    (["live", "--url", "ws://a..b/"], 2, "--url ws://a..b/: its host"),
    (["live", "--url", "wss://u:secret@x/"], 2, "wss://…@x/: it has a user"),
    (["live", "--rest-url", "x"], 2, "--rest-url x: its scheme"),
    (["live", "--heartbeat-url", "ftp://x"], 2, "--heartbeat-url"),
    (["live", "--simulated", "--scenario", "calmm"], 2, "Did you mean calm?"),
    (["live", "--for", "1x"], 2, "--for 1x"),
    (["live", "--connect-timeout", "nan"], 2, "--connect-timeout nan"),
    (["live", "--max-ticks", "0"], 2, "--max-ticks"),
    (["live", "--set", "fee_pm=1"], 3, "Did you mean fee_ppm?"),
    (["live", "--home", "wrong"], 3, "Did you mean fee_ppm?"),
    (["live", "--home", "file"], 3, "Not a directory"),
    (["live", *OWN, "--set", "fee_ppm=77"], 3, "in this journal, for ever"),
    (["live", "--set", "log.min_free_mib=1000000000"], 21, "MiB are free"),
    (["replay", "--home", "nowhere"], 10, "no journal"),
    (["replay", "--home", "several"], 2, "Choose with --journal"),
    (["replay", *OWN, "--from", "5", "--to", "3"], 2, "--from 5 is after --to 3"),
    (["replay", *OWN, "--from", "soon"], 2, "soon: not an offset"),
    (["replay", *OWN, "--to", "9999999"], 13, "no such record"),
    (["replay", *OWN, "--set", "fee_ppm=1"], 2, "--set needs --out"),
    (["replay", *OWN, "--set", "fee_pm=1", "--out", "x"], 3, "Did you mean fee_ppm?"),
    (["replay", *OWN, "--set", "fee_ppm=1", "--out", "fork"], 2, "exists already"),
    (["replay", *OWN, "--set", "fee_ppm=1", "--out", "file"], 3, "Not a directory"),
    (["replay", *OWN, "--set", "fee_ppm=1", "--out", "x", "--from", "9"], 2, "--from 9"),
    (["import", "missing.csv", "--market", "A-B"], 2, "missing.csv: No such file"),
    (["import", ".", "--market", "A-B"], 2, "not a file"),
    (["import", "file", "--market", "a-b"], 2, "Did you mean A-B?"),
    (["import", "file", "--market", "A-B", "--map", "x"], 2, "--map x"),
    (["import", "file", "--market", "A-B", "--time-unit", "h"], 2, "--time-unit h"),
    (["import", "file", "--market", "A-B", "--set", "x=1"], 3, "not a setting"),
    (["evaluate", "--stream", "S99"], 2, "--stream S99"),
    (["evaluate", "--baselines", "al"], 2, "Did you mean all?"),
    (["evaluate", "--stream", "S1", "--table", "file"], 2, "one of them"),
    (["evaluate", "--table", "missing"], 2, "missing: No such file"),
    (["evaluate", "--home", "nowhere"], 10, "no journal"),
    (["evaluate", "--stream", "S1", "--ablation", "x=1"], 3, "not a setting"),
    (["verify", *OWN, "--quick", "--deep"], 2, "exclude each other"),
    (["verify", "--home", "nowhere", "--deep"], 10, "no journal"),
    (["report", *OWN, "--html", "own/BTC-AUD/log/mark", "--frozen"], 2, "lies in the journal"),
    (["report", "--home", "nowhere", "--frozen"], 10, "no journal"),
    (["export", "x.keras", *OWN, "--to", "9999999"], 13, "no such record"),
    (["export", "x.parket", *OWN], 2, "no form ends in .parket"),
    (["export", "x.csv", *OWN, "--kind", "fils"], 2, "Did you mean fill?"),
    (["why", "--features", "soon", *OWN], 2, "soon: not an offset"),
    (["why", "--features", "--window", "1x", *OWN], 2, "--window 1x"),
    (["doctor", "--url", "http://x"], 2, "Did you mean ws://x?"),
    (["exchange", "--scenario", "calmm"], 2, "Did you mean calm?"),
    (["status", "night"], 2, "--journal NAME"),
]


@pytest.fixture(scope="module")
def answers(place: Path) -> list[Said]:
    """Return what all of these commands come to, one after the other in one process."""
    return ran(place, *(words for words, _, _ in CASES))


@pytest.mark.parametrize("number", range(len(CASES)))
def test_it_is_said_before_anything_is_loaded(answers: list[Said], number: int) -> None:
    """One sentence that names what is wrong, its code, and nothing made on the way."""
    (_, code, says), said = CASES[number], answers[number]

    assert said.code == code, said.err
    assert says in said.err
    assert said.is_untouched


@pytest.mark.parametrize("command", ["live", "import"])
def test_a_journal_that_another_process_records(place: Path, command: str) -> None:
    """It is locked, which is 11, whatever else there is to load."""
    words = {"live": ["live", "--simulated"], "import": ["import", "file"]}[command]
    ending = {"live": ".simulated", "import": ".imported"}[command]
    with Log.open(place / "locked" / f"A-B{ending}" / "log"):
        (said,) = ran(place, [*words, "--market", "A-B", "--home", "locked"])

    assert said.code == 11, said.err
    assert "another process" in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_home_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    (said,) = ran(tmp_path, ["live", "--home", "x"])

    assert said.code == 3
    assert "no permission" in said.err


@pytest.mark.parametrize(
    "url",
    [
        "wss://socket.btcmarkets.net/v2",
        "ws://127.0.0.1:8765/v2",
        "ws://[::1]:80/",
        "ws://localhost",
        "wss://a_b.example.org./x?y=1",
    ],
)
def test_a_url_that_may_be_tried(url: str) -> None:
    preflight.check_websocket("--url", url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "ws:/x", "ws://", "wss://:80", "ws://x:0", "ws://x:x", "ws://x:99999"),
        *("ws://x y/", "ws://x\n", "ws://\u202e.org", "ws://[::1", "ws://-x.org", "ws://a..b"),
        *("ws://x#y", "ws://u@x", "http://x", "ws://" + "a" * 64, "ws://x/" + "y" * 3_000),
        *("ws://x\\@y", "javascript:alert(1)", "ws://a,b"),
    ],
)
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(CommandError) as refused:
        preflight.check_websocket("--url", url)

    assert code_of(refused.value) == 2
    assert str(refused.value).startswith("--url")


def test_a_lock_is_seen_and_left_alone(tmp_path: Path) -> None:
    place = JournalPath(tmp_path, "A-B")
    with Log.open(place.log), pytest.raises(Locked):
        preflight.check_unlocked(place)
    preflight.check_unlocked(place)


def test_a_special_file_is_no_file(tmp_path: Path) -> None:
    """A pipe would be waited on for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null"), tmp_path / "x\x00"):
        with pytest.raises(CommandError):
            preflight.check_files([path])


def test_certificates_that_cannot_be_read_are_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they are needed, and only there."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))

    answer = trader("live", "--home", str(tmp_path / "home"), "--for", "1s")

    assert answer.code == 3
    assert "SSL_CERT_FILE" in answer.err
    assert not (tmp_path / "home").exists()
    preflight.check_trust("ws://127.0.0.1:9/v2", "http://127.0.0.1:9/v3", None)
