"""`trader report`: one journal, three forms, the same figures."""

import shutil
import subprocess
from pathlib import Path

import pytest

from fixtures.record import HERE
from tests.support.commands import trader

HOME = ("--home", str(HERE / "gap"))
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def test_the_same_figures_in_json_and_in_the_page(tmp_path: Path) -> None:
    """What --json says stands in the page."""
    html = tmp_path / "new" / "report.html"
    answer = trader("report", *HOME, "--html", str(html), "--no-influences", "--json")

    assert answer.code == 0
    assert answer.summary["bytes"] == html.stat().st_size
    learning = answer.summary["learning"]
    assert isinstance(learning, dict)
    assert f"{learning['log_loss']:.4f}" in html.read_text()
    assert html.stat().st_size < 2_000_000


def without_network() -> list[str]:
    """Return words before a command that leave it no network at all, where that is allowed."""
    words = ["unshare", "--net", "--map-root-user"]
    allowed = shutil.which("unshare") and subprocess.run([*words, "true"], check=False).returncode
    return words if allowed == 0 else []


def complaints(stderr: str) -> list[str]:
    """Return what our page said on its console; the browser's own pages talk there, too."""
    said = [line for line in stderr.splitlines() if "CONSOLE" in line]
    return [line for line in said if "source: chrome" not in line]


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser (Debian: chromium)")
def test_a_browser_shows_it_without_a_word(tmp_path: Path) -> None:
    """Without a network no request fails, no error is on the console, and the charts are drawn."""
    html = tmp_path / "report.html"
    assert trader("report", *HOME, "--html", str(html), "--no-influences").code == 0
    done = subprocess.run(
        [
            *without_network(),
            *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            # Where a namespace of its own is not allowed: no name resolves, and no proxy answers.
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=4000"),
            *("--enable-logging=stderr", "--dump-dom", html.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert complaints(done.stderr) == []
    assert done.stdout.count("<canvas") >= 9


def test_an_empty_journal_has_nothing_to_tell(tmp_path: Path) -> None:
    """A clear word, not a page of dashes."""
    from eventlog.log import Log

    Log.open(tmp_path / "BTC-AUD" / "log").close()

    assert trader("report", "--home", str(tmp_path)).code == 10
