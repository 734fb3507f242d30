"""Measures of each freeze point before any fine-tuning: linear probes and gradient ratios."""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import check_cv

from .._backbones.freeze_points import list_freeze_points
from .._data.class_split import encode
from .._networks.loss_gradient import LossGradient
from .._training.head_probe import LinearProbe
from .stage_features import compute_stage_features
from .task_rows import weight_task_rows

if TYPE_CHECKING:
    from .fit import Fit

# The cost of probes and gradients is flat above this number of rows.
MOST_ROWS = 2_000


@dataclass(frozen=True)
class PointMeasures:
    """Measures of a freeze point.

    Parameters
    ----------
    freeze_until : str or int
        The freeze point; 0 for nothing frozen.
    depth : int
        Number of frozen stages.
    n_frozen_params : int
        Number of frozen parameters.
    probe_scores : ndarray of shape (n_folds,)
        Accuracy of a linear probe of the features there, on each fold; nan if nothing is frozen.
    gradient_ratio : float
        Norm of the gradient over the norm of the weights, for the weights that are frozen here and
        not at the previous point; nan if there are none.
    """

    freeze_until: str | int
    depth: int
    n_frozen_params: int
    probe_scores: np.ndarray
    gradient_ratio: float


def measure_freeze_points(fit: "Fit", cv: Any) -> list[PointMeasures]:
    """Return the measures of each freeze point, from nothing frozen to the whole body.

    Parameters
    ----------
    fit : Fit
        A fit that was prepared and not run, with the whole body frozen.
    cv : int, cross-validator or iterable
        Folds: of the target rows, or an iterable of row numbers of `X`.

    Raises
    ------
    ValueError
        If the folds do not suit the rows of the target task.
    """
    data = weight_task_rows(fit.params, fit.train, fit.split.target)
    sample = data.sample(MOST_ROWS, fit.streams.integer("rows to compare freeze points on"))
    # Errors about folds come before the pretraining.
    folds = [_positions(sample, *fold) for fold in _list_folds(cv, data)]
    weights = fit.transfer(fit.pretrain().weights)
    return [
        PointMeasures(
            freeze_until=point or 0,
            depth=fit.network.count_frozen_stages(point),
            n_frozen_params=fit.network.count_parameters(point)[0],
            probe_scores=scores,
            gradient_ratio=ratio,
        )
        for point, scores, ratio in zip(
            list_freeze_points(fit.network.architecture.backbone),
            _probe_scores(fit, weights, sample, folds),
            _gradient_ratios(fit, weights, sample),
            strict=True,
        )
    ]


def _list_folds(cv, data) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the row numbers in `X` of the training and of the test rows of each fold."""
    splitter = check_cv(cv, data.y, classifier=True)
    has_rows_of_X = not (cv is None or isinstance(cv, Integral) or hasattr(cv, "split"))
    for fold in splitter.split(np.zeros(len(data)), data.y):
        yield fold if has_rows_of_X else tuple(data.index[rows] for rows in fold)


def _positions(sample, *rows_of_fold) -> tuple[np.ndarray, ...]:
    """Return where the training and the test rows of a fold are in a sample of the data."""
    train, test = (np.flatnonzero(np.isin(sample.index, rows)) for rows in rows_of_fold)
    if not len(train) or not len(test):
        raise ValueError(
            f"cv must leave rows to train on and to test in each fold, but at most {MOST_ROWS:,} "
            "rows are measured, and a fold has none of them. Use fewer and larger folds."
        )
    return train, test


# -- Probes ------------------------------------------------------------------------------------


def _probe_scores(fit, weights, data, folds) -> list[np.ndarray]:
    """Return the accuracy of probes at each point, on each fold."""
    classes = fit.split.target
    targets, features = encode(classes, data.y), _pooled_features(fit, weights, data.X)
    nothing = np.full(len(folds), np.nan)
    return [nothing, *(_score(each, targets, data.weight, classes, folds) for each in features)]


def _pooled_features(fit, weights, images) -> list[np.ndarray]:
    """Return the average of each stage's output, from one pass."""
    body = fit.network.architecture.body()
    layers = [point for point in list_freeze_points(body.backbone) if point]
    return compute_stage_features(body, layers, "average", weights, images, fit.store)


def _score(features, targets, weights, classes, folds) -> np.ndarray:
    scores = np.empty(len(folds))
    for number, (train, test) in enumerate(folds):
        probe = LinearProbe(features[train], targets[train], weights[train], len(classes))
        hits = probe.logits(features[test]).argmax(axis=1) == targets[test]
        scores[number] = np.average(hits, weights=weights[test])
    return scores


# -- Gradients ---------------------------------------------------------------------------------


def _gradient_ratios(fit, weights, data) -> list[float]:
    """Return the ratio of norms of the weights that each point freezes after the one before."""
    weights = fit.probe(weights, data)
    targets = encode(fit.split.target, data.y)
    gradients = LossGradient(fit.network).compute(weights, data.X, targets, data.weight)
    ratios, before = [], set[str]()
    for point in list_freeze_points(fit.network.architecture.backbone):
        frozen = {*fit.network.paths_frozen_at(point)} & {*gradients}
        of_gradient, of_weights = (_norm(each, frozen - before) for each in (gradients, weights))
        ratios.append(of_gradient / of_weights if of_weights else np.nan)
        before = frozen
    return ratios


def _norm(arrays, paths) -> float:
    return float(np.sqrt(sum(np.sum(np.square(arrays[path], dtype=float)) for path in paths)))
