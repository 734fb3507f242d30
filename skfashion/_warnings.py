"""Warnings that point at the user's own line."""

import inspect
import warnings

_INSIDE = {"skfashion", "sklearn", "joblib"}


def warn_user(message) -> None:
    """Warn at the line that called this library, directly or by way of scikit-learn's."""
    frame, level = inspect.currentframe(), 1
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
