"""The latency of a whole journal, not of one moment of it."""

from journal.live.latency import Latencies, middle


def sample(recorded_ms: float, batches: int | None) -> dict[str, object]:
    """Return a health sample as far as latency goes."""
    counted = {} if batches is None else {"batches": batches}
    return {"recorded_p50_ms": recorded_ms, "feed": "streaming", **counted}


def test_a_backlog_weighs_as_much_as_it_is() -> None:
    """One sample of three batches that waited for twenty seconds is not the median of thousands."""
    told = Latencies()
    for each in (sample(20_853.0, 3), sample(19.8, 900), sample(21.0, 800)):
        told.add(each)

    said = told.said()
    assert said.recorded_p50_ms == 19.8 or said.recorded_p50_ms == 21.0
    assert (said.samples, said.batches) == (3, 1_703)
    assert said.decided_p50_ms is None


def test_samples_that_do_not_say_how_many_count_alike() -> None:
    """Of earlier versions: then it is the median of samples, and no number of batches is said."""
    told = Latencies()
    for each in (sample(20_853.0, None), sample(19.8, None), sample(21.0, None)):
        told.add(each)

    assert told.said().recorded_p50_ms == 21.0
    assert told.said().batches is None


def test_a_sample_of_no_batch_says_nothing() -> None:
    """Nor does a figure that is none."""
    told = Latencies()
    for each in ({}, {"batches": 0}, {"recorded_p50_ms": "soon", "batches": 4}):
        told.add(each)

    assert told.said().samples == 0
    assert middle([], []) is None
