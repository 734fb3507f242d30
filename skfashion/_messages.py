"""Messages to users: unknown names with near misses, and warnings at the line of the user."""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from threading import RLock

# Packages whose frames a warning skips on its way to the line of the user. Blocks of `with` have
# frames of contextlib.
_INSIDE = {"skfashion", "sklearn", "joblib", "contextlib"}
# Filters of warnings belong to the process: one thread changes and restores them at a time.
_changes_filters = RLock()


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
    return f"{parameter}={received!r} is not one of {known}.{suggest(received, [*known, *also])}"


def suggest(received, names, cutoff: float = 0.5) -> str:
    """Return a question that names up to two near misses, in any case; "" if there are none."""
    by_lower_case = {name.lower(): name for name in reversed(names)}
    near = get_close_matches(str(received).lower(), by_lower_case, n=2, cutoff=cutoff)
    guesses = " or ".join(repr(by_lower_case[name]) for name in near)
    return f" Did you mean {guesses}?" if guesses else ""


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called this library, directly or through scikit-learn or joblib."""
    frame, level = inspect.currentframe(), 1
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def warnings_ignored(category: type[Warning]) -> Iterator[None]:
    """Ignore warnings of a category in a block, in all threads. Other such blocks wait."""
    with _changes_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield
