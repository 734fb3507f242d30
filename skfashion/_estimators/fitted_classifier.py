"""The classifier inside what users fit."""

from sklearn.utils.validation import check_is_fitted

from .transfer_classifier import TransferClassifier


def fitted_classifier(estimator, rule="estimator must be") -> TransferClassifier:
    """Return the fitted `TransferClassifier` in a pipeline or search, or the one given.

    Parameters
    ----------
    estimator : estimator
        Where it is.
    rule : str
        How the error begins that says so if there is none.

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
                f"{rule} a fitted TransferClassifier, alone or at the end of a pipeline or search, "
                f"got {type(estimator).__name__}."
            )
    check_is_fitted(inner)
    return inner
