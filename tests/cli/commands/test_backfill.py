"""`trader backfill`: what it says, and how it fails."""

from pathlib import Path

import pytest

from fixtures.record import SMALL
from tests.support.commands import documented, trader


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--market", "btc"), 2, "--market"),
        (("--since", "tomorrow"), 2, "--since tomorrow: not a time"),
        (("--candles", "7m"), 2, "--candles 7m"),
        (("--rest-url", "ftp://x"), 2, "--rest-url"),
        (("--set", "fee_pm=1"), 3, "fee_ppm"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    answer = trader("backfill", *words, "--home", str(tmp_path / "home"))

    assert (answer.code, answer.out) == (code, "")
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "home").exists()


def test_it_needs_no_network(tmp_path: Path) -> None:
    """The stand-in's past, in words and in JSON."""
    words = ("backfill", "--simulated", "--since", "2h", "--home", str(tmp_path), *SMALL)
    said = trader(*words)
    summary = trader(*words, "--json").summary

    assert said.code == 0
    assert "BTC-AUD.simulated:" in said.out
    assert "stopped: reached the present" in said.out
    documented("backfill", summary)
    assert summary["stopped_because"] == "reached the present"
