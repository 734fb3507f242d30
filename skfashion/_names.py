"""Names that users choose from, and what to say of an unknown one."""

from difflib import get_close_matches


def unknown_name(parameter, received, known) -> str:
    """Return the message for a name that is not among the known ones, with near misses."""
    known = list(known)
    near = get_close_matches(str(received), known, n=2, cutoff=0.5)
    guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"{parameter}={received!r} is not one of {known}.{guess}"
