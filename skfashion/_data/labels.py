"""Labels of `y` and of parameters: their kinds, and how they are compared and shown."""

from typing import Any

import numpy as np

# Comparable types of labels for each NumPy kind.
KINDS_OF_LABELS = {
    **dict.fromkeys("biuf", "numbers"),
    **dict.fromkeys("UTO", "text"),
    "M": "dates",
    "m": "times",
}


def check_kind_of_labels(y: np.ndarray, classes: np.ndarray, name: str = "y") -> None:
    """Check that labels can be equal to those of `fit`.

    NumPy turns numbers beside text into text, so 5 and "5" would be equal.

    Raises
    ------
    ValueError
        If one has numbers and the other text, dates or times.
    """
    if KINDS_OF_LABELS.get(y.dtype.kind) != KINDS_OF_LABELS[classes.dtype.kind]:
        raise ValueError(
            f"{name} has labels of type {y.dtype}, but those of fit are of type {classes.dtype}. "
            f"Labels are compared with their type: convert those of {name}."
        )


def format_labels(labels, most: int = 30) -> str:
    """Return labels as code, the first `most` of them."""
    labels = list(map(as_item, labels))
    shown = ", ".join(map(repr, labels[:most]))
    return f"[{shown}{', ...' if len(labels) > most else ''}]"


def as_item(label: Any) -> Any:
    """Return a label as `tolist` has it: dates of NumPy have other hashes than those of Python."""
    return label.item() if isinstance(label, np.generic) else label
