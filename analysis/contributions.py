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
    """Return the features of the tick at an offset; ``None`` where no sample is in memory yet.

    A contribution is a feature's value times the slope of the answer in it, there. Features that
    the learner made for itself and adopted move the linear head's answer, by their own slope.
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
    found = [
        ContributionSaid(name=name, value=float(values[place]), pull=float(pulls[place]))
        for place, name in enumerate(features.NAMES)
    ]
    pairs, adopted = state["candidates.pairs"], state["candidates.slopes"]
    factors = values[pairs]
    made = np.clip(factors[:, 0] * factors[:, 1], -features.CLIP, features.CLIP)
    for slot in np.flatnonzero(adopted[: candidates.PLACES]).tolist():
        name = candidates.pair_name(candidates.pair_number(pairs[slot]))
        value = float(made[slot])
        pull = float(made[slot] * adopted[slot])
        found.append(ContributionSaid(name=name, value=value, pull=pull))
    found.sort(key=lambda one: -abs(one.pull))
    return ContributionsSaid(
        logit=float(answer.logits[0]),
        from_checkpoint=derived.after,
        compared=derived.compared,
        identical=derived.divergence is None,
        features=tuple(found),
    )
