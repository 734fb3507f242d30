"""Attributes that files do not hold, and the warning about them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .._messages import warn_user

# scikit-learn sets these: callbacks are code, and metadata requests refer to their estimator.
LEFT_OUT = frozenset({"_metadata_request", "_skl_callbacks"})


@dataclass
class LeftOut:
    """The names of attributes that a file lacks, and of the classes that have them."""

    names: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)

    def add(self, owner: type, names: Iterable[str]) -> None:
        """Add attributes of an instance of a class."""
        if names := set(names):
            self.names |= names
            self.owners.add(owner.__name__)

    def warn(self) -> None:
        """Warn if there are any."""
        if self.names:
            warn_user(
                f"skfashion.save leaves out the attributes {sorted(self.names)} of "
                f"{', '.join(sorted(self.owners))}: files hold parameters and fitted attributes, "
                "but no callbacks and no metadata requests. Set them again after loading."
            )
