"""One evaluation from end to end is the same for whoever runs it."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent

REUSE = """
from journal.compile_cache import reuse
reuse()  # as a command does: the compiled step is there
"""
CODE = """
from analysis.evaluation.evaluation import evaluation
from analysis.evaluation.sources import of_stream
from journal.messages import as_json
from tests.support.recorded import PARAMETERS
found = evaluation(
    of_stream("S5", seed=1, ticks=1500), PARAMETERS, {}, baselines="fast", with_frozen=False
)
print({**as_json(found), "seconds": 0})
"""


def test_all_processes_find_the_same() -> None:
    """This one, and another that hashes otherwise."""
    ours = io.StringIO()
    with redirect_stdout(ours):
        exec(CODE, {})
    theirs = subprocess.run(
        [sys.executable, "-c", REUSE + CODE],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "9"},
        capture_output=True,
        check=True,
        text=True,
    )

    assert theirs.stdout == ours.getvalue()
    assert "batch logistic regression" in theirs.stdout
