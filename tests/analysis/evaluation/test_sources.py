"""What can be evaluated on, read twice, is the same twice."""

from pathlib import Path

import pytest

from analysis.evaluation.sources import Source, of_files, of_journal, of_stream
from eventlog.schema import encode, renumber
from feeds.files.layout import Layout
from feeds.files.survey import begun, completed
from fixtures.record import HERE
from journal.layout import JournalPath
from tests.support.recorded import table


def test_a_stream_knows_its_optimum() -> None:
    source = of_stream("S8", seed=1, ticks=2_000)

    assert source.p_up is not None
    assert len(source.p_up) == source.count > source.ticks == 2_000
    assert of_stream("S7", seed=1, ticks=9_000).changes == [4_000, 8_000]


def test_every_source_can_be_read_again(tmp_path: Path) -> None:
    path = table(tmp_path / "ticks.csv", 500)
    sources: list[Source] = [
        of_stream("S1", seed=1, ticks=500),
        of_files([completed(begun(path, "A-B", Layout()))]),
        of_journal(JournalPath(HERE / "kill-and-resume", "BTC-AUD"))[0],
    ]
    for source in sources:
        first, again = list(source.records()), list(source.records())
        assert first == again
        assert sum(batch.num_rows for batch in first) == source.count
        assert 0 < source.ticks <= source.count


def test_a_journal_brings_its_parameters() -> None:
    _, parameters = of_journal(JournalPath(HERE / "kill-and-resume", "BTC-AUD"))

    assert parameters.fee_ppm == 0


@pytest.mark.parametrize("rows", [3])
def test_batches_can_be_numbered(rows: int) -> None:
    batch = next(iter(of_stream("S1", seed=1, ticks=1_000).records())).slice(0, rows)
    assert renumber(batch, first_offset=7).column("offset").to_pylist() == [7, 8, 9]
    assert encode([], first_offset=0).num_rows == 0
