"""What a command loads before it answers: who only looks does not wait for what others need."""

import subprocess
import sys

import pytest

from fixtures.record import HERE

FORBIDDEN = {"tensorflow", "keras", "pandas", "pydantic", "websockets", "httpx2", "asyncio"}
"""What no command loads that only reads."""

ARROW = {"pyarrow", "numpy"}
FILES = {"pyarrow.compute", "pyarrow.parquet", "pyarrow.dataset", "pyarrow.fs", "rich"}
HOME = ("--home", str(HERE / "gap"))

PROGRAM = """
import sys
forbidden, sys.argv = set(sys.argv[1].split()), ["trader", *sys.argv[2:]]
from cli.main import main
try: main()
except SystemExit as ended: assert not ended.code, ended.code
sys.exit(" ".join(forbidden & set(sys.modules)) or 0)
"""


@pytest.mark.parametrize(
    ("words", "forbidden"),
    [
        (["--help"], FORBIDDEN | ARROW),
        (["--version"], FORBIDDEN | ARROW),
        (["schema", "status"], FORBIDDEN | ARROW),
        (["config", *HOME], FORBIDDEN),
        (["status", *HOME], FORBIDDEN | FILES),
        (["why", *HOME], FORBIDDEN | FILES),
        (["log", *HOME], FORBIDDEN | FILES),
        (["checkpoints", *HOME], FORBIDDEN | FILES),
        (["report", *HOME], FORBIDDEN),
        (["compare", str(HERE / "gap"), str(HERE / "gap")], FORBIDDEN),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_a_command_loads_only_what_its_answer_needs(words: list[str], forbidden: set[str]) -> None:
    """TensorFlow takes seconds, pandas one, each of the others a good part of half a second."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, " ".join(sorted(forbidden)), *words],
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
