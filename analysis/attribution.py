"""What the network looks at: how far each feature moves its answer, where it has lately been."""

from analysis.figures import Influence
from analysis.history import History
from engine.checkpoint import Checkpoints
from engine.errors import CheckpointDamaged


def influences(told: History) -> list[Influence]:
    """Return features by influence, the strongest first; none if no state that checks has samples.

    A feature's influence is the mean size, over the newest labelled samples of the newest kept
    state, of its value times the slope of the answer "up" in it. Loads TensorFlow.
    """
    from engine.arithmetic import tf
    from engine.learner import features, network
    from engine.self_check import self_check

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
        model = network.model_at(state, told.rules.known)
        points = tf.constant(samples)
        with tf.GradientTape() as tape:
            tape.watch(points)
            answers = tf.reduce_sum(model(points)[:, 0])
        moved = abs(samples * tape.gradient(answers, points).numpy()).mean(0)
        rows = [
            Influence(name=name, influence=float(moved[place]))
            for place, name in enumerate(features.NAMES)
        ]
        return sorted(rows, key=lambda row: -row.influence)
    return []
