"""`trader schema` prints what --json says."""

import json

from cli.schemas import COMMANDS
from tests.support.commands import trader


def test_which_there_are_and_one_of_them() -> None:
    """Without a word the names; with one the schema; of an unknown one a usage error."""
    assert trader("schema").out.split() == list(COMMANDS)
    assert json.loads(trader("schema", "status").out)["title"] == "trader status --json"
    assert trader("schema", "nonsense").code == 2
