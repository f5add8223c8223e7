"""How long a report of many ticks takes, and how large it is."""

import os
from pathlib import Path

from feeds import clock
from tests.benchmarks.journals import invent
from tests.support.commands import trader

TICKS = int(os.environ.get("TRADER_BENCH_TICKS", "1000000"))


def test_a_report_of_many_ticks(tmp_path: Path) -> None:
    """Prints seconds and bytes; TRADER_BENCH_TICKS=10000000 for the long one."""
    invent(tmp_path, TICKS)
    html = tmp_path / "report.html"
    started_s = clock.monotonic_s()
    assert trader("report", "--home", str(tmp_path), "--html", str(html)).code == 0
    seconds = clock.monotonic_s() - started_s
    size = html.stat().st_size
    print(f"\n{TICKS:,} ticks: {seconds:.1f} s ({TICKS / seconds:,.0f}/s), {size:,} bytes")
