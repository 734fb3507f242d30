"""Names that users choose from, and what to say of an unknown one."""

from difflib import get_close_matches


def unknown_name(parameter, received, known, also=()) -> str:
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
