"""The words of --executor."""

from engine.executor.choice import Choice


def test_they_are_three_and_say_what_they_mean() -> None:
    assert [str(choice) for choice in Choice] == ["auto", "native", "tensorflow"]
