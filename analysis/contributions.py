"""How much each feature of one tick moved the network's answer."""

import numpy as np

from analysis.slopes import slopes
from analysis.summaries import ContributionSaid, ContributionsSaid
from engine.learner import candidates, features
from engine.state import cursors
from eventlog.reader import Reader
from journal.header import JournalHeader
from journal.layout import JournalPath
from journal.rederive import state_after


def contributions(
    journal: JournalPath, log: Reader, header: JournalHeader, cause: int
) -> ContributionsSaid | None:
    """Return the contribution of each feature of the tick at an offset, the largest first.

    A contribution is the feature's value times the slope of the network's logit in it, both at this
    tick. Features that the learner made and adopted (`engine.learner.candidates`) move the linear
    head, each with its own slope. ``None`` if the state at this tick has no sample yet.
    """
    derived = state_after(journal, log, header, cause)
    state = derived.engine.state()
    head, _ = cursors(state)
    if not head:
        return None
    vector = state["memory.samples"][(head - 1) % header.parameters.memory_rows]
    values = vector[: features.COUNT].astype(np.float32)
    answer = slopes(state, values[None], header.parameters)
    pulls = values * answer.slopes[0]
    rows = [
        ContributionSaid(name=name, value=float(values[index]), pull=float(pulls[index]))
        for index, name in enumerate(features.NAMES)
    ]
    pairs, adopted = state["candidates.pairs"], state["candidates.slopes"]
    factors = values[pairs]
    made = np.clip(factors[:, 0] * factors[:, 1], -features.CLIP, features.CLIP)
    for slot in np.flatnonzero(adopted[: candidates.PLACES]).tolist():
        name = candidates.pair_name(candidates.pair_number(pairs[slot]))
        value = float(made[slot])
        pull = float(made[slot] * adopted[slot])
        rows.append(ContributionSaid(name=name, value=value, pull=pull))
    rows.sort(key=lambda row: -abs(row.pull))
    return ContributionsSaid(
        logit=float(answer.logits[0]),
        from_checkpoint=derived.after,
        compared=derived.compared,
        identical=derived.divergence is None,
        features=tuple(rows),
    )
