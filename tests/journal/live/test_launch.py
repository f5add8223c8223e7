"""A live session's stages are named and in their order, and nothing is said of what failed."""

from pathlib import Path

from fixtures.record import SMALL, TRADES, exchange
from journal.asked.settings import settings
from journal.live.launch import Plan
from tests.commands import trader


def test_the_stages_of_a_start_and_of_one_that_goes_on(tmp_path: Path) -> None:
    """Load, compile and connect; the second time also restore and catch up."""
    with exchange("--seed", "5", "--speed", "20") as url:
        words = ("live", "--url", url, "--home", str(tmp_path), *SMALL, *TRADES)
        first = trader(*words, "--max-ticks", "30")
        second = trader(*words, "--max-ticks", "30")

    assert stages(first.err) == ["load", "compile", "connect"]
    assert stages(second.err) == ["load", "compile", "restore", "catch up", "connect"]
    assert second.code == 0


def test_an_exchange_that_is_not_there_is_tried_last(tmp_path: Path) -> None:
    """Everything else is ready by then; no journal is made (20)."""
    words = ("live", "--url", "ws://127.0.0.1:9/", "--connect-timeout", "0.2")
    answer = trader(*words, "--home", str(tmp_path / "home"), *SMALL, *TRADES)

    assert answer.code == 20
    assert stages(answer.err) == ["load", "compile"]
    assert not (tmp_path / "home").exists()


def stages(said: str) -> list[str]:
    """Return the names of the stages that were said to have ended."""
    known = ("load", "compile", "restore", "catch up", "connect")
    return [name for line in said.splitlines() for name in known if line.startswith(f"{name}  ")]


def test_a_simulated_market_has_a_journal_of_its_own(tmp_path: Path) -> None:
    plan = Plan(
        home=tmp_path,
        markets=["A-B", "C-D"],
        url="",
        rest=None,
        simulated=True,
        scenario="calm",
        for_s=None,
        max_ticks=None,
        connect_timeout_s=1.0,
        metrics_port=None,
        heartbeat_url=None,
        settings=settings(tmp_path, None),
        loading_ns=0,
    )

    assert [place.name for place in plan.places] == ["A-B.simulated", "C-D.simulated"]
