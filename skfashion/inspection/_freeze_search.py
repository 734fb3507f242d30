"""Searches over freeze points alone, and what their scores are called."""

from numbers import Integral

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ..model_selection import ClassSplitCV, freeze_points
from ..model_selection._candidates import find_classifier


def search_freeze_points(estimator, freeze_until, cv, scoring, n_jobs) -> GridSearchCV:
    """Return a search over freeze points, to be fitted; parameters as of `FreezeDepthDisplay`.

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
        freeze_until = freeze_points(classifier.backbone)
    return GridSearchCV(
        clone(estimator),
        {f"{prefix}freeze_until": list(freeze_until)},
        cv=_with_class_split(cv, classifier),
        scoring=scoring,
        n_jobs=n_jobs,
        refit=False,
        error_score="raise",
    )


def _with_class_split(cv, classifier):
    """Return a class-split cross-validator for a number of folds, where there is a class split."""
    source, target = classifier.pretrain_classes, classifier.target_classes
    is_number = cv is None or isinstance(cv, Integral)
    if not is_number or (source is None and target is None):
        return cv
    return ClassSplitCV(5 if cv is None else cv, pretrain_classes=source, target_classes=target)


def score_name(scoring, refit) -> str:
    """Return what the scores of a search are, in words; parameters as of the search."""
    if scoring is None:
        return "accuracy"
    if isinstance(refit, str):
        return _words(refit)
    name = getattr(scoring, "_scoring", scoring)  # of a target_scorer, the one inside
    return _words(name) if isinstance(name, str) else getattr(name, "__name__", "score")


def _words(name):
    return name.replace("neg_", "negative ").replace("_", " ")
