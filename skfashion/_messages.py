"""Messages to users: unknown names with near misses, and warnings at the line of the user."""

import inspect
import warnings
from difflib import get_close_matches

# Packages whose frames a warning skips on its way to the line of the user.
_INSIDE = {"skfashion", "sklearn", "joblib"}


def unknown_name_message(parameter, received, known, also=()) -> str:
    """Return the error message for an unknown name, with near misses.

    Parameters
    ----------
    parameter : str
        The parameter.
    received : str
        Its value.
    known : iterable of str
        Valid names, which the message lists.
    also : iterable of str, default=()
        Further valid names, which are suggested but not listed.
    """
    known = list(known)
    near = get_close_matches(str(received), dict.fromkeys([*known, *also]), n=2, cutoff=0.5)
    guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"{parameter}={received!r} is not one of {known}.{guess}"


def warn_user(message: str) -> None:
    """Warn at the line that called this library, directly or through scikit-learn or joblib."""
    frame, level = inspect.currentframe(), 1
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
