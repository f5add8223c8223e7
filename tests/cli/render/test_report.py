"""A report fits a terminal, and its last screen answers."""

from fixtures.record import HERE
from tests.support.commands import trader

HOME = ("--home", str(HERE / "gap"))


def test_the_tables_fit_a_terminal() -> None:
    """PAPER first, no line beyond eighty columns, and all answers on the last screen."""
    answer = trader("report", *HOME)

    assert answer.code == 0
    assert answer.out.startswith("PAPER BTC-AUD")
    assert max(map(len, answer.out.splitlines())) <= 80
    screen = "\n".join(answer.out.splitlines()[-23:])
    for word in ("PAPER", "Is it learning?", "Did it make money?", "skill", "why", "continuity"):
        assert word in screen
