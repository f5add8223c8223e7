"""An import as a whole: told file by file, figures at the end, at the venue that was asked for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.venue_rules import DEFAULT_RULES, RULES, FeeTiers
from eventlog.reader import Reader
from eventlog.records import SessionStarted, Trade
from feeds.errors import VenueUnknown
from feeds.files.layout import Layout
from feeds.venue import VENUES
from journal.asked.settings import settings
from journal.errors import UsageError
from journal.reading import scan
from journal.runs.imports import ImportPlan, import_files
from tests.support.commands import trader
from tests.support.recorded import SMALL, table

AT_NS = 1_700_000_000_000_000_000


def plan_of(home: Path, *files: Path, venue: str = "btcmarkets") -> ImportPlan:
    return ImportPlan(
        files=files,
        market="BTC-AUD",
        venue=venue,
        layout=Layout(),
        home=home,
        settings=settings(home, [word for word in SMALL if word != "--set"]),
    )


def test_it_tells_of_each_file_and_prints_no_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path / "ticks.csv", 400)
    told: list[str] = []

    said = import_files(plan_of(tmp_path / "home", path), tell=told.append)

    assert len(told) == 1
    assert told[0].startswith(f"{path}: a table of 400 rows")
    assert (said.journal, said.rows, said.records) == ("BTC-AUD.imported", 400, 400)
    assert [each.name for each in said.files] == [str(path)]
    out, err = capsys.readouterr()
    assert out == ""
    assert "a table of" not in err


def test_a_venue_or_market_that_is_none_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "ticks.csv", 5)
    with pytest.raises(VenueUnknown, match="nowhere"):
        import_files(plan_of(tmp_path, path, venue="nowhere"), tell=print)
    with pytest.raises(UsageError, match="not a market's id"):
        import_files(replace(plan_of(tmp_path, path), market="btc"), tell=print)
    assert not (tmp_path / "BTC-AUD.imported").exists()


def test_frames_of_a_second_venue_become_a_journal_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decoded as it speaks, decided by its rules, and evaluated by them; nobody else takes it."""
    rules = replace(DEFAULT_RULES, fees=FeeTiers(tiers=(), lowest_ppm=250), amount_decimals=4)
    monkeypatch.setitem(VENUES, "second", "tests.feeds.second_venue.venue")
    monkeypatch.setitem(RULES, "second", rules)
    path = tmp_path / "frames.jsonl"
    path.write_text("".join(f"{json.dumps(frame(number))}\n" for number in range(1_500)))
    home, market = ("--home", str(tmp_path / "home")), ("--market", "btc_usd")
    words = ("import", str(path), *market, *home, *SMALL)

    elsewhere = trader(*words)
    answer = trader(*words, "--venue", "second", "--json")

    assert elsewhere.code == 2
    assert answer.code == 0, answer.err
    assert (answer.summary["records"], answer.summary["undecodable"]) == (1_500, 0)
    log = Reader.open(tmp_path / "home" / "btc_usd.imported" / "log")
    read = [record for _, record in scan.records(log, 0, log.end)]
    detail = json.loads(next(each.detail for each in read if isinstance(each, SessionStarted)))
    assert detail["venue"] == "second"
    assert detail["parameters"]["amount_decimals"] == 4
    assert any(isinstance(each, Trade) for each in read)
    assert trader("verify", "--deep", *home).code == 0
    quick = ("--baselines", "none", "--no-frozen", "--json")
    files = ("--table", str(path), *market, *SMALL, *quick)
    of_files = trader("evaluate", *files, "--venue", "second").summary
    of_journal = trader("evaluate", *home, *quick).summary
    assert of_files["venue"] == of_journal["venue"] == "second"
    assert of_files["parameters"] == of_journal["parameters"]
    refused = trader("evaluate", *home, "--venue", "btcmarkets")
    assert (refused.code, "was recorded at second" in refused.err) == (2, True)


def frame(number: int) -> dict[str, object]:
    """Return a line of a recording of the second venue."""
    at_ns, price = AT_NS + number * 20_000_000, 100 + number * 7 % 11
    said = {"k": "q", "m": "btc_usd", "at": at_ns, "b": f"{price}.0", "a": f"{price}.5"}
    if number % 4 == 3:
        said = {"k": "t", "m": "btc_usd", "at": at_ns, "p": f"{price}.0", "v": "1.5", "id": number}
    return {"at": at_ns, "frame": said}
