"""One evaluation from end to end is the same for whoever runs it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent

CODE = """
from cli.evaluation.evaluation import evaluation
from cli.evaluation.printing import as_summary
from cli.evaluation.sources import of_stream
from engine.parameters import Parameters
parameters = Parameters(memory_rows=2048)
found = evaluation(
    of_stream("S5", seed=1, ticks=1500), parameters, {}, baselines="fast", with_frozen=False
)
print({**as_summary(found), "seconds": 0})
"""


def test_all_processes_find_the_same() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "9")
    }

    assert len(said) == 1
    assert "batch logistic regression" in said.pop()
