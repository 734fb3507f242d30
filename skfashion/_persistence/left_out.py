"""Attributes that files do not hold, and the warning about them."""

from collections.abc import Iterable

from .._messages import warn_user

# scikit-learn sets these: callbacks are code, and metadata requests refer to their estimator.
LEFT_OUT = frozenset({"_metadata_request", "_skl_callbacks"})


def warn_left_out(owners: Iterable[str], names: Iterable[str]) -> None:
    """Warn that a file lacks attributes of instances of these classes."""
    warn_user(
        f"skfashion.save leaves out the attributes {sorted(names)} of "
        f"{', '.join(sorted(owners))}: files hold parameters and fitted attributes, but no "
        "callbacks and no metadata requests. Set them again after loading."
    )
