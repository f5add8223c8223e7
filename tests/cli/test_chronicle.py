"""Everything that a report tells, in one pass."""

from cli.chronicle import gather
from cli.journal import Place
from cli.score import COLUMNS, Score
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL


def test_sessions_share_the_whole() -> None:
    """What the sessions say adds up to what the log says."""
    place = Place(HERE / "kill-and-resume", JOURNAL)
    log = Reader.open(place.log)
    told, score = gather(place, log), Score()
    for batch in log.read(columns=COLUMNS):
        score.add(batch)

    assert [session.number for session in told.sessions] == [1, 2]
    assert sum(session.ticks for session in told.sessions) == score.decisions
    assert sum(session.scored for session in told.sessions) == score.scored
    assert not told.sessions[0].ended
    assert told.checkpoints


def test_gaps_and_fills_stand_one_by_one() -> None:
    """With time, side and price; probabilities are judged about as often as they were scored."""
    place = Place(HERE / "gap", JOURNAL)
    told = gather(place, Reader.open(place.log))

    assert len(told.gaps) == 4
    assert {fill["side"] for fill in told.fills} == {"buy", "sell"}
    assert all(fill["price"] > 0 for fill in told.fills)
    scored = told.curves.sums["scored"].sum()
    assert abs(told.reliability.labels - scored) < 0.05 * scored
