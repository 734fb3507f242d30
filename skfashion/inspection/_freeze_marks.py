"""Points of a search over freeze depth that stand out: the best, a cheap one, and no transfer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._backbones.freeze_points import starts_pretrained
from ..model_selection._candidates import Candidate

if TYPE_CHECKING:
    import pandas

# Columns of costs and the name of the least, in order of preference.
_LEAST = {"n_trainable_params": "fewest parameters", "mean_fit_time": "quickest"}


class Point(NamedTuple):
    """A point of a curve: the number of the curve, and the label of its row."""

    curve: int
    row: Any


def find_marked_points(curves: Sequence["pandas.DataFrame"]) -> dict[str, Point]:
    """Return the best point, and a cheaper one whose score is almost as good, by their labels.

    The cheaper point has the fewest trainable parameters among those whose score is at most one
    standard deviation of the best below the best. If a number of parameters is unknown, it has the
    shortest mean fit time. Only the last round of a halving search counts.
    """
    last = max(curve["iter"].max() for curve in curves)
    scores = [curve["mean_test_score"].where(curve["iter"] == last) for curve in curves]
    number = int(np.nanargmax([score.max() for score in scores]))
    best = Point(number, scores[number].idxmax())
    best_row = curves[number].loc[best.row]
    points = {f"best: {_describe(best_row)}": best}
    bound = best_row["mean_test_score"] - best_row["std_test_score"]
    column = next(
        (name for name in _LEAST if all(curve[name].notna().all() for curve in curves)), None
    )
    if column is None or not np.isfinite(bound):
        return points
    costs = [
        curve[column].where(score >= bound) for curve, score in zip(curves, scores, strict=True)
    ]
    number = int(np.nanargmin([cost.min() for cost in costs]))
    cheapest = Point(number, costs[number].idxmin())
    row = curves[number].loc[cheapest.row]
    if row[column] < best_row[column]:
        points[f"{_LEAST[column]} within 1 std: {_describe(row)}"] = cheapest
    return points


def _describe(row: "pandas.Series") -> str:
    point = row["freeze_point"]
    frozen = "nothing frozen" if point == "nothing" else f"frozen up to {point}"
    return f"{row['mean_test_score']:.3f}, {frozen}"


def find_scratch_score(search: Any, frame: "pandas.DataFrame") -> float | None:
    """Return the best score of candidates without pretraining and frozen layers, if there are any.

    Parameters
    ----------
    search : estimator
        A fitted search.
    frame : pandas.DataFrame
        Its candidates with a score, as `search_frame` returns them.

    Returns
    -------
    float or None
        The score, from the last round of a halving search with such candidates.
    """
    unfrozen = frame[frame["depth"] == 0]
    scratch = unfrozen.loc[[row for row in unfrozen.index if _is_from_scratch(search, row)]]
    if not len(scratch):
        return None
    if "iter" in scratch:
        scratch = scratch[scratch["iter"] == scratch["iter"].max()]
    return float(scratch["mean_test_score"].max())


def _is_from_scratch(search: Any, row: int) -> bool:
    classifier = Candidate(search, search.cv_results_["params"][row]).classifier
    if classifier is None:
        return False
    return not starts_pretrained(classifier, classifier.pretrain_classes is not None)
