"""What findings come to."""

import shutil
from pathlib import Path

import pytest

from eventlog.integrity import Finding
from fixtures.record import HERE
from journal import layout, sidecar
from journal.integrity.verification import Depth, verdict_of, verify
from journal.summaries import Verdict


def finding(check: str, *, repairable: bool = False) -> Finding:
    return Finding(check, Path("x"), None, "wrong", repairable=repairable)


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([], Verdict.CLEAN),
        (["reader.crashed"], Verdict.CANNOT_VERIFY),
        (["unclaimed.decision", "step.other"], Verdict.OTHER_VERSION),
        (["step.other", "replay.state"], Verdict.DIVERGED),
        (["replay.state", "checkpoint.bytes"], Verdict.CORRUPT),
    ],
)
def test_the_worst_decides(checks: list[str], verdict: Verdict) -> None:
    """Whatever else was found."""
    assert verdict_of([finding(check) for check in checks]) is verdict
    assert verdict_of([finding(check) for check in reversed(checks)]) is verdict


def test_what_can_be_repaired_is_not_corrupt() -> None:
    assert verdict_of([finding("segment.torn", repairable=True)]) is Verdict.REPAIRABLE


def test_what_was_found_is_noted_next_to_the_log(tmp_path: Path) -> None:
    """With its depth, for status and report."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    place = layout.find(tmp_path / "home", None)
    found = verify(place, Depth.QUICK)
    noted = sidecar.verified(place)

    assert found.verdict is Verdict.CLEAN
    assert noted is not None
    assert (noted["verdict"], noted["depth"]) == ("clean", "quick")
    assert noted["records"] == found.records
