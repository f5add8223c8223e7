"""`trader why` answers for one decision."""

import json
from pathlib import Path

import pytest

from eventlog.log import Log
from fixtures.record import HERE
from tests.support.commands import trader

HOME = ("--home", str(HERE / "gap"))


def first(kind: str, *words: str) -> dict[str, object]:
    """Return the first record of a kind."""
    answer = trader("log", *HOME, "--kind", kind, "-o", "beginning", "-c", "1", "--json", *words)
    found: dict[str, object] = json.loads(answer.out.splitlines()[0])
    return found


def test_the_newest_decision() -> None:
    """Without words it is the last one; the reasons before it are counted."""
    summary = trader("why", *HOME, "--json").summary
    lines = trader("log", *HOME, "--kind", "decision", "-o", "beginning", "--json").out.splitlines()

    assert summary["offset"] == json.loads(lines[-2])["offset"]
    reasons = summary["reasons"]
    assert isinstance(reasons, dict)
    assert sum(reasons.values()) == len(lines) - 1
    assert summary["meaning"]


def test_by_its_offset_by_its_tick_and_by_its_time() -> None:
    """All three name the same decision."""
    decision = first("decision")
    received_ns = decision["received_ns"]
    assert isinstance(received_ns, int)

    for word in (decision["offset"], decision["cause"]):
        assert trader("why", str(word), *HOME, "--json").summary["offset"] == decision["offset"]
    by_time = trader("why", f"s@{received_ns / 1e9:.6f}", *HOME, "--json").summary
    assert by_time["cause"]


def test_an_order_and_what_came_of_it() -> None:
    """A decision that bought says at which price it filled, later."""
    fill = first("fill")
    summary = trader("why", str(fill["ordered_at"]), *HOME, "--json").summary

    assert summary["action"] == fill["side"]
    fills = summary["fills"]
    assert isinstance(fills, list)
    assert fills[0]["offset"] == fill["offset"]


def test_the_features_are_derived_again() -> None:
    """--features gives every feature a value and a pull, the strongest first."""
    summary = trader("why", "900", *HOME, "--features", "--json").summary
    derived = summary["features"]

    assert isinstance(derived, dict)
    assert derived["compared"] > 0
    pulls = [abs(row["pull"]) for row in derived["features"]]
    assert pulls == sorted(pulls, reverse=True)
    assert "pulls" in trader("why", "900", *HOME, "--features").out


@pytest.mark.parametrize(
    ("words", "code"), [(("9999999",), 13), (("soon",), 2), (("--window", "x"), 2)]
)
def test_what_names_no_decision(words: tuple[str, ...], code: int) -> None:
    """A clear word, and the documented code."""
    assert trader("why", *words, *HOME).code == code


def test_nothing_was_decided_yet(tmp_path: Path) -> None:
    """An empty journal has no decision: that is said, and no more."""
    Log.open(tmp_path / "BTC-AUD" / "log").close()
    answer = trader("why", "--home", str(tmp_path))

    assert answer.code == 13
    assert "nothing was decided yet" in answer.err
