"""What a user would take instead: rules, refitted batch models, and River's online learners.

All answer the same questions from the same features, and learn from a label only once it is known.
scikit-learn and River belong to the dependency group `test`: where one is not installed, its rows
are not there.
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
"""The stream's parts; batch models are refitted on all that is known at the start of each."""

_FIT_LABELS_MIN = 200


# --- rules


def prior(asked: Questions) -> Floats:
    """Return the running share of rises among the labels known."""
    ups, moves = _running(asked, asked.rose)
    return (ups + 1) / (moves + 2)


def persistence(asked: Questions) -> Floats:
    """Return the last known direction, with the share of times that this was right."""
    return _ruled(asked, _last_direction(asked))


def imbalance(asked: Questions) -> Floats:
    """Return the share of the volume at the touch that bids: the rule without any learning."""
    return 0.5 * (1 + asked.imbalance)


def calibrated_imbalance(asked: Questions) -> Floats:
    """Return the running share of rises among labels of about this imbalance.

    Microprice is the same rule: its gap to the mid is the spread times half the imbalance.
    """
    place = np.minimum((0.5 * (1 + asked.imbalance) * _BINS).astype(np.int64), _BINS - 1)
    # The first guess of a bin is its middle, with the weight of two labels.
    ups, moves = (2 * (np.arange(_BINS) + 0.5) / _BINS).tolist(), [2.0] * _BINS
    places, matured = place.tolist(), asked.matured().tolist()
    moved, rose = asked.moved.tolist(), asked.rose.tolist()
    said, done = [], 0
    for now, known in zip(places, matured, strict=True):
        for label in range(done, known):
            if moved[label]:
                moves[places[label]] += 1
                ups[places[label]] += rose[label]
        done = known
        said.append(ups[now] / moves[now])
    return np.array(said)


def order_flow(asked: Questions) -> Floats:
    """Return the sign of the order-flow imbalance, with the share of times it was right."""
    return _ruled(asked, np.sign(asked.order_flow))


def _last_direction(asked: Questions) -> Floats:
    """Return the direction of the last label known that moved, 0 before the first."""
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
    """Return how many of the labels known are counted, and of how many."""
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
    """Return the learners that are installed, by name; with ``slow``, those of minutes, too."""
    found: dict[str, Callable[[Questions, Features, Advance], Floats]] = {}
    if find_spec("sklearn"):
        found["batch logistic regression"] = _walk_forward(_logistic)
        if slow:
            found["batch gradient boosting"] = _walk_forward(_boosting)
    if find_spec("river") and slow:
        found["River LogisticRegression"] = _best_river_logistic
        for name, make in _RIVER.items():
            found[name] = _river(make)
    return found


def lacking() -> list[str]:
    """Return the packages whose models are not there."""
    return [name for name, package in _PACKAGES.items() if not find_spec(package)]


_PACKAGES = {"scikit-learn": "sklearn", "River": "river"}


def steps_of(name: str, rows: int) -> int:
    """Return how many rows a model tells its progress of."""
    return rows * (len(_RIVER_STEPS) if name == "River LogisticRegression" else 1)


def _walk_forward(make: Callable[[], Any]) -> Callable[[Questions, Features, Advance], Floats]:
    def forecasts(asked: Questions, features: Features, advance: Advance) -> Floats:
        said = prior(asked)
        count = len(said)
        for part in range(REFITS):
            first, end = count * part // REFITS, count * (part + 1) // REFITS
            known = (asked.known_at <= first) & asked.moved
            rose = asked.rose[known]
            if rose.sum() >= _FIT_LABELS_MIN and (~rose).sum() >= _FIT_LABELS_MIN:
                model = make()
                with _one_thread():
                    model.fit(features[known], rose)
                    said[first:end] = model.predict_proba(features[first:end])[:, 1]
            advance(end - first)
        return said

    return forecasts


def _one_thread() -> Any:
    """Keep what is loaded from threads of its own: beside other work they wait for each other."""
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
        return _asked_one_by_one(make(), asked, features, advance)

    return forecasts


def _asked_one_by_one(model: Any, asked: Questions, features: Features, advance: Advance) -> Floats:
    """Put the questions to a River model through one queue of those that wait for their label.

    Only what will be scored is asked: a prediction changes none of these models.
    """
    said = np.full(len(asked.tick), 0.5)
    waiting: deque[tuple[int, dict[int, float], bool]] = deque()
    for place, values in _moved(asked, features):
        while waiting and waiting[0][0] <= place:
            _, sample, rose = waiting.popleft()
            model.learn_one(sample, rose)
        sample = dict(enumerate(values))
        said[place] = model.predict_proba_one(sample).get(True, 0.5)
        waiting.append((int(asked.known_at[place]), sample, bool(asked.rose[place])))
        if place % 256 == 0:
            advance(0)
        advance(1)
    return said


def _moved(asked: Questions, features: Features) -> Iterator[tuple[int, list[float]]]:
    for place in np.flatnonzero(asked.moved).tolist():
        yield place, features[place].tolist()


_RIVER_STEPS = (0.001, 0.005, 0.02)


def _best_river_logistic(asked: Questions, features: Features, advance: Advance) -> Floats:
    """Return the forecasts of the step size that turned out best: tuned in hindsight."""
    from river import linear_model, optim, preprocessing

    best, least = np.full(len(asked.tick), 0.5), np.inf
    for step in _RIVER_STEPS:
        model = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(step))
        said = _asked_one_by_one(model, asked, features, advance)
        loss = float(np.mean(log_losses(said[asked.moved], asked.rose[asked.moved])))
        if loss < least:
            best, least = said, loss
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
