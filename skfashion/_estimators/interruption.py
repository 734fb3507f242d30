"""Behaviour of a fit that the user interrupts."""

import sys
from types import FrameType
from typing import Any

from .meta_estimators import chooses_training_data

# Frames of these libraries mean that a search, a cross-validation or a worker called `fit`. The
# user interrupts all of that, and would get scores of unfinished fits.
_CALLERS = (
    "sklearn.",
    "joblib.",
    "distributed.",
    "dask_ml.",
    "hyperopt.",
    "optuna.",
    "ray.",
    "skopt.",
)
# Modules of scikit-learn through which a user calls `fit`, so that it is not another call.
_BETWEEN = ("sklearn.base", "sklearn.callback", "sklearn.pipeline", "sklearn.utils.")


def keeps_last_epoch(classifier: Any, is_partial: bool) -> bool:
    """Whether `KeyboardInterrupt` ends a fit with its last whole epoch on the target task.

    Parameters
    ----------
    classifier : TransferClassifier
        The classifier whose `fit` runs.
    is_partial : bool
        Whether this is a call of `partial_fit`.

    Returns
    -------
    bool
        True for a first fit, and for a further fit with `warm_start`, that the user called: alone,
        or at the end of a pipeline. Otherwise `KeyboardInterrupt` is raised, and nothing changes.
    """
    loses_a_fit = classifier.__sklearn_is_fitted__() and not classifier.warm_start
    return not (is_partial or loses_a_fit or _is_inside_another_call(classifier))


def _is_inside_another_call(classifier: Any) -> bool:
    """Whether a search, a worker or another estimator called the running `fit`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = f"{frame.f_globals.get('__name__', '')}."
        if module.startswith(_CALLERS) and not module.startswith(_BETWEEN):
            return True
        if chooses_training_data(frame, classifier):
            return True
        frame = frame.f_back
    return False
