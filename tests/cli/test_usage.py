"""A command that is called wrongly says what is wrong, and what was probably meant."""

import json
import shutil
from pathlib import Path

import pytest

from fixtures.record import HERE
from tests.support.commands import trader

GAP = str(HERE / "gap")


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        (["lgo"], "No such command 'lgo'", "Did you mean 'log'?"),
        (["log", "--hom", "x"], "No such option: --hom", "Did you mean --home?"),
        (["why", "--windo", "5s"], "No such option: --windo", "Did you mean --window?"),
        (["log", "-c", "x"], "'x' is not a whole number", "trader log --help"),
        (["import"], "Missing argument 'FILE...'", "trader import --help"),
        (["status", "night"], "unexpected extra argument", "named with --journal NAME"),
        (["status", GAP], "unexpected extra argument", f"--home {GAP}"),
        (["status", f"{GAP}/BTC-AUD"], "extra argument", f"--home {GAP} --journal BTC-AUD"),
        (["status", "--home", f"{GAP}/BTC-AUD"], "has no journal", f"--home {GAP} --journal"),
        (["status", "--home", GAP, "--journal", "btc-aud"], "no journal", "--journal BTC-AUD?"),
    ],
    ids=[*"abcdefghij"],
)
def test_what_was_meant(words: list[str], sentence: str, hint: str) -> None:
    """One sentence, one hint, and the code of usage or of a journal that is not there."""
    answer = trader(*words)

    assert answer.code in (2, 10)
    assert answer.out == ""
    assert sentence in " ".join((answer.err + answer.out).split())
    assert hint in answer.err


def test_a_home_of_homes(tmp_path: Path) -> None:
    """Whoever names the directory above is told the one below."""
    shutil.copytree(HERE / "gap", tmp_path / "night")

    assert f"--home {tmp_path / 'night'}" in trader("status", "--home", str(tmp_path)).err
    answer = trader("status", "--home", str(tmp_path), "--journal", "night")
    assert f"--home {tmp_path / 'night'}" in answer.err


def test_with_json_it_is_an_object() -> None:
    said = json.loads(trader("log", "--json", "--hom").err)

    assert said["code"] == 2
    assert said["message"] == "No such option: --hom"


def test_without_a_word_the_help_is_shown() -> None:
    answer = trader()

    assert answer.code == 2
    assert "Usage" in answer.out + answer.err
