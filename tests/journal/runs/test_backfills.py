"""What a backfill is refused for, before anything is loaded or asked."""

from dataclasses import replace
from pathlib import Path

import pytest

from feeds.errors import ExchangeUnreachable
from journal.asked.settings import settings
from journal.errors import UsageError
from journal.runs.backfills import Plan, run
from tests.support.pasts import hurry


def plan(home: Path) -> Plan:
    return Plan(
        home=home, market="BTC-AUD", since_ns=10**18, length="1m", trades=False,
        rest_url="http://127.0.0.1:9/v3", simulated=False, settings=settings(home, None),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"market": "btc-aud"}, "Did you mean"),
        ({"length": "2m"}, "--candles 2m"),
        ({"rest_url": "ws://127.0.0.1:9"}, "--rest-url"),
    ],
)
def test_what_cannot_be_run(tmp_path: Path, changes: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(replace(plan(tmp_path), **changes))  # type: ignore[arg-type]

    assert says in f"{caught.value} {caught.value.hint}"
    assert not list(tmp_path.iterdir())


def test_a_journal_is_named_for_its_market(tmp_path: Path) -> None:
    assert plan(tmp_path).place.name == "BTC-AUD"
    assert replace(plan(tmp_path), simulated=True).place.name == "BTC-AUD.simulated"


def test_without_an_exchange_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    with pytest.raises(ExchangeUnreachable):
        run(plan(tmp_path))

    assert not list(tmp_path.iterdir())
