"""The page stands alone: nothing fetched, no foreign script, readable without one."""

import json
import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import pytest

from analysis.figures import Counts, GapFigures, MilestoneFigures, ReportSummary
from analysis.history import gather
from analysis.report import figures
from analysis.series import series
from cli.render.page import UPLOT_SHA256, render
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath


@pytest.fixture(scope="module")
def said() -> tuple[ReportSummary, dict[str, Any]]:
    place = JournalPath(HERE / "gap", JOURNAL)
    told = gather(place, Reader.open(place.log))
    return figures(told, None), series(told)


class Parts(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data: str) -> None:
        if self.inside in ("td", "th"):
            self.cells.append(data)


def test_nothing_is_fetched(said: tuple[ReportSummary, dict[str, Any]]) -> None:
    """No tag names another file, and the policy would not let it."""
    parts = Parts(render(*said))
    sources = [attrs.get("src") or attrs.get("href") for _, attrs in parts.tags]

    assert {source for source in sources if source} == {"data:,"}
    policy = next(attrs["content"] for tag, attrs in parts.tags if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_tables_say_it_without_a_script(said: tuple[ReportSummary, dict[str, Any]]) -> None:
    """Measures, reasons, periods, sessions and checkpoints stand in the page itself."""
    cells = Parts(render(*said)).cells

    for row in said[0].measures:
        assert row.name in cells
    for reason in said[0].holds:
        assert reason in cells
    for period in said[0].periods:
        assert period.until in cells
    assert said[0].checkpoints[-1].digest[:12] in cells


def test_what_is_cut_says_of_how_many(said: tuple[ReportSummary, dict[str, Any]]) -> None:
    """Fills that are one mark, gaps and milestones beyond the newest, samples of latency."""
    row = MilestoneFigures(offset=1, cause=1, received_ns=1, why="drift", detail={})
    gap = GapFigures(from_ns=1, to_ns=2, why="cut")
    many = replace(
        said[0],
        money=replace(said[0].money, fills=5_078),
        counts=Counts(gaps=312, milestones=9_000, health=12_345),
        milestones=(row,) * 2_000,
        gaps=(gap,) * 312,
        latency=replace(said[0].latency, samples=12_345, batches=700_000),
    )
    html = render(many, said[1])
    marks = len(said[1]["fills"])

    assert f"showing all 5,078 fills as {marks:,} marks" in html
    assert "the newest 50 of 312" in html
    assert "the newest 50 of 9,000" in html
    assert "(the newest 2,000 of 9,000)" in html
    assert f"{len(said[0].health):,} of 12,345" in html
    assert "700,000 batches" in html
    assert "all of them" in render(*said)


def test_what_the_log_says_cannot_end_the_script(
    said: tuple[ReportSummary, dict[str, Any]],
) -> None:
    """A reason or a name that looks like HTML is text."""
    evil = "</script><script>alert(1)</script>"
    told = replace(said[0], journal=evil, holds={evil: 1})
    html = render(told, {**said[1], "reasons": {evil: [1.0]}})

    assert evil not in html
    scripts = [attrs for tag, attrs in Parts(html).tags if tag == "script"]
    assert len(scripts) == 3
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert data is not None
    assert list(json.loads(data[1])["series"]["reasons"]) == [evil]


def test_the_library_is_the_published_one() -> None:
    """Byte for byte, with its licence beside it."""
    assets = resources.files("cli") / "render" / "assets"

    assert sha256((assets / "uPlot.iife.min.js").read_bytes()).hexdigest() == UPLOT_SHA256
    assert "MIT" in (assets / "uPlot.LICENSE").read_text()


@pytest.mark.parametrize(
    ("times", "along"),
    [(list(range(100)), "time"), ([0.0] + [99.0] * 99, "offset"), ([5.0] * 100, "offset")],
)
def test_a_log_within_a_moment_is_drawn_along_its_offsets(
    said: tuple[ReportSummary, dict[str, Any]], times: list[float], along: str
) -> None:
    """Along time it would be a line; where time is spread, time is what one looks for."""
    columns = {**said[1]["columns"], "time": times}

    assert f'"along":"{along}"' in render(said[0], {**said[1], "columns": columns, "gaps": []})
