"""Searches over freeze points only, and the names of their scores."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from .._estimators.find_classifier import find_classifier
from .._estimators.transfer_classifier import TransferClassifier
from ..model_selection import ClassSplitCV, freeze_points
from ..model_selection._candidates import known_backbone
from ..model_selection._search_frame import find_main_scorer


def make_freeze_search(
    estimator: Any, freeze_until: Iterable[Any] | None, cv: Any, scoring: Any, n_jobs: int | None
) -> GridSearchCV:
    """Return an unfitted search over freeze points.

    Parameters
    ----------
    estimator : estimator
        A `TransferClassifier`, alone or at the end of a pipeline.
    freeze_until, cv, scoring, n_jobs
        As in `FreezeDepthDisplay.from_estimator`.

    Returns
    -------
    GridSearchCV
        The search.

    Raises
    ------
    TypeError
        If there is no `TransferClassifier`.
    """
    classifier, prefix = find_classifier(estimator)
    if classifier is None:
        raise TypeError(
            "estimator must be a TransferClassifier, alone or at the end of a pipeline, got "
            f"{type(estimator).__name__}."
        )
    if freeze_until is None:
        freeze_until = freeze_points(known_backbone(classifier))
    return GridSearchCV(
        clone(estimator),
        {f"{prefix}freeze_until": list(freeze_until)},
        cv=_split_target_rows(cv, classifier),
        scoring=scoring,
        n_jobs=n_jobs,
        refit=False,
        error_score="raise",
    )


def _split_target_rows(cv: Any, classifier: TransferClassifier) -> Any:
    """Replace a number of folds by `ClassSplitCV` if the classifier has a class split."""
    source, target = classifier.pretrain_classes, classifier.target_classes
    is_number = cv is None or isinstance(cv, Integral)
    if not is_number or (source is None and target is None):
        return cv
    return ClassSplitCV(5 if cv is None else cv, pretrain_classes=source, target_classes=target)


def score_name(search: Any) -> str:
    """Return a readable name of the main scores of a fitted search, "score" if they have none."""
    if search.multimetric_:
        return _to_words(find_main_scorer(search))
    if search.scoring is None:
        return "accuracy"
    # A target_scorer has the name of the scorer that it wraps.
    name = getattr(search.scoring, "_scoring", search.scoring)
    return _to_words(name) if isinstance(name, str) else getattr(name, "__name__", "score")


def _to_words(name: str) -> str:
    return name.replace("neg_", "negative ").replace("_", " ")
