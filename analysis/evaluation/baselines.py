"""What a user would take instead: rules, refitted batch models, and River's online learners.

All answer the same questions from the same features, and learn from a label only once it is known.
scikit-learn and River belong to the dependency group `test`: if one is not installed, its models
are left out. Forecasts are probabilities of a rise, [predictions].
"""

from collections import deque
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.evaluation.questions import Questions
from analysis.scoring.scores import log_losses
from journal.progress import Advance

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]

PRIOR = "prior"
PERSISTENCE = "persistence"
_BINS = 40
REFITS = 10
"""Equal parts of the stream; at the start of each, batch models are refitted on known labels."""

_FIT_LABELS_MIN = 200


# --- rules


def prior(asked: Questions) -> Floats:
    """Return the running share of rises among the labels known (Laplace's rule of succession)."""
    ups, moves = _running(asked, asked.rose)
    return (ups + 1) / (moves + 2)


def persistence(asked: Questions) -> Floats:
    """Return the last known direction; its probability is the running share of hits."""
    return _ruled(asked, _last_direction(asked))


def imbalance(asked: Questions) -> Floats:
    """Return the bid's share of the volume at the touch: the rule without any learning."""
    return 0.5 * (1 + asked.imbalance)


def calibrated_imbalance(asked: Questions) -> Floats:
    """Return the running share of rises among known labels with the imbalance in the same bin.

    Microprice is the same rule: its gap to the mid is the spread times half the imbalance.
    """
    bin_of = np.minimum((0.5 * (1 + asked.imbalance) * _BINS).astype(np.int64), _BINS - 1)
    # The first guess of a bin is its middle, with the weight of two labels.
    ups, moves = (2 * (np.arange(_BINS) + 0.5) / _BINS).tolist(), [2.0] * _BINS
    bins, matured = bin_of.tolist(), asked.matured().tolist()
    moved, rose = asked.moved.tolist(), asked.rose.tolist()
    forecasts, done = [], 0
    for now, known in zip(bins, matured, strict=True):
        for label in range(done, known):
            if moved[label]:
                moves[bins[label]] += 1
                ups[bins[label]] += rose[label]
        done = known
        forecasts.append(ups[now] / moves[now])
    return np.array(forecasts)


def order_flow(asked: Questions) -> Floats:
    """Return the sign of the order-flow imbalance; its probability is the running share of hits."""
    return _ruled(asked, np.sign(asked.order_flow))


def _last_direction(asked: Questions) -> Floats:
    """Return the direction of the last known label that moved: 1, -1, or 0 before the first."""
    count = len(asked.tick)
    last_moved = np.maximum.accumulate(np.where(asked.moved, np.arange(count), -1))
    known = np.concatenate([[-1], last_moved])[asked.matured()]
    return np.where(known < 0, 0.0, np.where(asked.rose[known], 1.0, -1.0))


def _ruled(asked: Questions, sign: Floats) -> Floats:
    hits, moves = _running(asked, (sign > 0) == asked.rose, among=sign != 0)
    return 0.5 + sign * ((hits + 1) / (moves + 2) - 0.5)


def _running(
    asked: Questions, counted: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_] | None = None
) -> tuple[Floats, Floats]:
    """Return how many of the labels known at each prediction are counted, and of how many."""
    rows = asked.moved if among is None else asked.moved & among
    matured = asked.matured()
    totals = [np.concatenate([[0], np.cumsum(rows & part)])[matured] for part in (counted, rows)]
    return totals[0].astype(np.float64), totals[1].astype(np.float64)


RULES: dict[str, Callable[[Questions], Floats]] = {
    PRIOR: prior,
    PERSISTENCE: persistence,
    "imbalance rule": imbalance,
    "imbalance rule, calibrated": calibrated_imbalance,
    "order-flow sign": order_flow,
}


# --- models


def models(*, slow: bool) -> dict[str, Callable[[Questions, Features, Advance], Floats]]:
    """Return the models that are installed, by name; with ``slow`` also those that take minutes."""
    installed: dict[str, Callable[[Questions, Features, Advance], Floats]] = {}
    if find_spec("sklearn"):
        installed["batch logistic regression"] = _walk_forward(_logistic)
        if slow:
            installed["batch gradient boosting"] = _walk_forward(_boosting)
    if find_spec("river") and slow:
        installed["River LogisticRegression"] = _best_river_logistic
        for name, make in _RIVER.items():
            installed[name] = _river(make)
    return installed


def lacking() -> list[str]:
    """Return the packages that are not installed, whose models are left out."""
    return [name for name, package in _PACKAGES.items() if not find_spec(package)]


_PACKAGES = {"scikit-learn": "sklearn", "River": "river"}


def steps_of(name: str, rows: int) -> int:
    """Return how many rows a model reports as done in all, over so many rows of features."""
    return rows * (len(_RIVER_STEPS) if name == "River LogisticRegression" else 1)


def _walk_forward(make: Callable[[], Any]) -> Callable[[Questions, Features, Advance], Floats]:
    def forecasts(asked: Questions, features: Features, advance: Advance) -> Floats:
        p_up = prior(asked)
        count = len(p_up)
        for part in range(REFITS):
            first, end = count * part // REFITS, count * (part + 1) // REFITS
            known = (asked.known_at <= first) & asked.moved
            rose = asked.rose[known]
            if rose.sum() >= _FIT_LABELS_MIN and (~rose).sum() >= _FIT_LABELS_MIN:
                model = make()
                with _one_thread():
                    model.fit(features[known], rose)
                    p_up[first:end] = model.predict_proba(features[first:end])[:, 1]
            advance(end - first)
        return p_up

    return forecasts


def _one_thread() -> Any:
    """Limit libraries to one thread each: on a busy machine, their threads wait for each other."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=500))


def _boosting() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.05, max_leaf_nodes=15, l2_regularization=1.0, random_state=0
    )


def _river(make: Callable[[], Any]) -> Callable[[Questions, Features, Advance], Floats]:
    def forecasts(asked: Questions, features: Features, advance: Advance) -> Floats:
        return _one_by_one(make(), asked, features, advance)

    return forecasts


def _one_by_one(model: Any, asked: Questions, features: Features, advance: Advance) -> Floats:
    """Predict and learn in order of time; a queue holds the samples whose label is not known yet.

    Only predictions that will be scored are made: making one changes none of these models.
    """
    p_up = np.full(len(asked.tick), 0.5)
    waiting: deque[tuple[int, dict[int, float], bool]] = deque()
    for index, values in _moved(asked, features):
        while waiting and waiting[0][0] <= index:
            _, sample, rose = waiting.popleft()
            model.learn_one(sample, rose)
        sample = dict(enumerate(values))
        p_up[index] = model.predict_proba_one(sample).get(True, 0.5)
        waiting.append((int(asked.known_at[index]), sample, bool(asked.rose[index])))
        if index % 256 == 0:
            advance(0)
        advance(1)
    return p_up


def _moved(asked: Questions, features: Features) -> Iterator[tuple[int, list[float]]]:
    for index in np.flatnonzero(asked.moved).tolist():
        yield index, features[index].tolist()


_RIVER_STEPS = (0.001, 0.005, 0.02)


def _best_river_logistic(asked: Questions, features: Features, advance: Advance) -> Floats:
    """Return the forecasts of the step size with the least log-loss, chosen in hindsight."""
    from river import linear_model, optim, preprocessing

    best, least = np.full(len(asked.tick), 0.5), np.inf
    for step in _RIVER_STEPS:
        model = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(step))
        p_up = _one_by_one(model, asked, features, advance)
        loss = float(np.mean(log_losses(p_up[asked.moved], asked.rose[asked.moved])))
        if loss < least:
            best, least = p_up, loss
    return best


def _alma() -> Any:
    from river import linear_model, preprocessing

    return preprocessing.StandardScaler() | linear_model.ALMAClassifier()  # type: ignore[no-untyped-call]


def _hoeffding() -> Any:
    from river import tree

    return tree.HoeffdingAdaptiveTreeClassifier(seed=42)


def _forest() -> Any:
    from river import forest

    return forest.ARFClassifier(seed=42, n_models=10)


_RIVER: dict[str, Callable[[], Any]] = {
    "River ALMAClassifier": _alma,
    "River HoeffdingAdaptiveTree": _hoeffding,
    "River ARFClassifier(10)": _forest,
}
