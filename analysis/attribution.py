"""What the network looks at: how far each feature moves its answer, where it has lately been."""

from analysis.figures import Influence
from analysis.history import History
from analysis.slopes import slopes
from engine.checkpoint import Checkpoints
from engine.errors import CheckpointDamaged
from engine.learner import features
from engine.self_check import self_check


def influences(told: History) -> list[Influence]:
    """Return features by influence, the strongest first; none if no state that checks has samples.

    A feature's influence is the mean size, over the newest labelled samples of the newest kept
    state, of its value times the slope of the answer "up" in it.
    """
    if not told.rules.whole:
        return []  # its states are those of another version's engine
    checkpoints = Checkpoints(told.place.checkpoints)
    for offset in reversed(checkpoints.offsets()):
        try:
            state = checkpoints.read(offset).state
        except CheckpointDamaged:
            continue
        samples = self_check(state, told.rules.known)["features"]
        if not len(samples):
            return []
        moved = abs(samples * slopes(state, samples, told.rules.known).slopes).mean(0)
        rows = [
            Influence(name=name, influence=float(moved[place]))
            for place, name in enumerate(features.NAMES)
        ]
        return sorted(rows, key=lambda row: -row.influence)
    return []
