"""What users are told: unknown names with near misses, and warnings at the user's own line."""

import inspect
import warnings
from difflib import get_close_matches

_INSIDE = {"skfashion", "sklearn", "joblib"}


def unknown_name_message(parameter, received, known, also=()) -> str:
    """Return the message for a name that is not among the known ones, with near misses.

    Parameters
    ----------
    parameter, received : str
        What was chosen, and how.
    known : iterable of str
        Names to list.
    also : iterable of str, default=()
        Names that may have been meant, but are too many to list.
    """
    known = list(known)
    near = get_close_matches(str(received), dict.fromkeys([*known, *also]), n=2, cutoff=0.5)
    guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"{parameter}={received!r} is not one of {known}.{guess}"


def warn_user(message) -> None:
    """Warn at the line that called this library, directly or by way of scikit-learn's."""
    frame, level = inspect.currentframe(), 1
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
