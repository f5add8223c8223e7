"""What is printed is what was found."""

from analysis.evaluation.evaluation import Evaluation, evaluation
from analysis.evaluation.sources import of_stream
from cli.render.evaluation import as_lines, as_summary
from tests.support.recorded import PARAMETERS


def found() -> Evaluation:
    source = of_stream("S7", seed=1, ticks=5_000)
    return evaluation(source, PARAMETERS, {}, baselines="rules", with_frozen=False)


def test_lines_and_summary_say_the_same() -> None:
    made = found()
    lines, summary = as_lines(made), as_summary(made)

    named = {each["name"]: each for each in summary["forecasters"]}
    for line in lines[3 : 3 + len(named)]:
        name = line[:32].strip()
        assert f"{named[name]['accuracy']:.4f}" in line
        assert f"{named[name]['log_loss']:.4f}" in line
    assert any("behind each change" in line for line in lines)
    assert any(
        line.startswith("accuracy of ours, by part of the stream: 0-0.5%: ") for line in lines
    )
    assert [line for line in lines if line != line.rstrip()] == []
    held = {each["name"]: each for each in summary["accounts"]}
    for line in lines[-len(held) :]:
        assert f"{held[line[:32].strip()]['net_gain']:,.2f}" in line
    assert summary["adapting"][0]["at"] == 4_000
