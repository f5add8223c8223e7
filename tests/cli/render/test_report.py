"""A report fits a terminal, and its last screen answers."""

from cli.render.report import _merged
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


def test_neighbouring_periods_are_one_line_weighted_by_their_labels() -> None:
    """Sums of labels, means by labels, and of a figure that nobody has, none."""
    rows = [
        {
            "until": str(number),
            "labels": labels,
            "log_loss": loss,
            "baseline_log_loss": 0.7,
            "frozen_log_loss": None,
            "accuracy": 0.5,
        }
        for number, (labels, loss) in enumerate([(10, 0.4), (30, 0.8), (0, None), (5, 0.6)])
    ]

    first, second = _merged(rows, 2)

    assert (first["until"], first["labels"], round(first["log_loss"], 9)) == ("1", 40, 0.7)
    assert (second["until"], second["labels"], second["log_loss"]) == ("3", 5, 0.6)
    assert first["frozen_log_loss"] is None
