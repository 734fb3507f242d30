"""The classifier inside what users fit."""

from sklearn.utils.validation import check_is_fitted

from .._classifier import TransferClassifier


def fitted_classifier(estimator) -> TransferClassifier:
    """Return the fitted `TransferClassifier` in a pipeline or search, or the one given.

    Raises
    ------
    TypeError
        If there is none.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    inner = estimator
    while not isinstance(inner, TransferClassifier):
        if hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
        elif hasattr(inner, "steps"):
            inner = inner.steps[-1][1]
        elif hasattr(inner, "estimator"):
            inner = inner.estimator
        else:
            raise TypeError(
                "estimator must be a fitted TransferClassifier, alone or at the end of a pipeline "
                f"or search, got {type(estimator).__name__}."
            )
    check_is_fitted(inner)
    return inner
