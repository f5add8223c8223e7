"""The influence of each feature: how much it moves the network's answer on recent samples."""

from analysis.figures import Influence
from analysis.history import History
from analysis.slopes import slopes
from engine.checkpoint import Checkpoints
from engine.errors import CheckpointDamaged
from engine.learner import features
from engine.self_check import self_check


def influences(history: History) -> list[Influence]:
    """Return the features by influence, the strongest first.

    A feature's influence is the mean, over the newest labelled samples of the newest checkpoint
    that can be read, of the absolute value of the feature times the slope of the network's logit
    in it. The list is empty if there is no such checkpoint, if it has no samples, or if the journal
    has parameters of another version of the engine.
    """
    if not history.rules.whole:
        return []  # its states are those of another version's engine
    checkpoints = Checkpoints(history.place.checkpoints)
    for offset in reversed(checkpoints.offsets()):
        try:
            state = checkpoints.read(offset).state
        except CheckpointDamaged:
            continue
        samples = self_check(state, history.rules.known)["features"]
        if not len(samples):
            return []
        moved = abs(samples * slopes(state, samples, history.rules.known).slopes).mean(0)
        rows = [
            Influence(name=name, influence=float(moved[index]))
            for index, name in enumerate(features.NAMES)
        ]
        return sorted(rows, key=lambda row: -row.influence)
    return []
