"""Labels of `y` and of parameters: their kinds, and how they are compared and shown."""

from datetime import date, timedelta
from typing import Any

import numpy as np

# Comparable types of labels for each NumPy kind.
KINDS_OF_LABELS = {
    **dict.fromkeys("biuf", "numbers"),
    **dict.fromkeys("UO", "text"),
    "M": "dates",
    "m": "times",
}
# Types of times that are not comparable.
WITHOUT_UNIT = np.dtype("datetime64"), np.dtype("timedelta64")


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


def list_labels(labels: Any, parameter: str) -> list[Any]:
    """Return the labels of a parameter as a flat list, with dates and times as those of NumPy.

    Parameters
    ----------
    labels : array-like, set or None
        The value of the parameter; `None` for no labels.
    parameter : str
        Its name.

    Raises
    ------
    ValueError
        If it holds lists or arrays.
    """
    if labels is None:
        return []
    try:
        listed = [_to_numpy_date(label) for label in labels]
        set(listed)  # lists, arrays and times without a unit are not hashable
    except (TypeError, ValueError):
        raise ValueError(f"{parameter} must be a flat list of labels, got {labels!r}.") from None
    return listed


def as_item(label: Any, dtype: np.dtype | None = None) -> Any:
    """Return a label as `tolist` has it: dates of NumPy have other hashes than those of Python.

    Parameters
    ----------
    label : object
        A label.
    dtype : dtype, optional
        The type of the array whose items it is compared with. A date that this type can represent
        is converted to its unit.
    """
    if dtype is not None and dtype.kind in "mM":
        label = _to_numpy_date(label)
        if isinstance(label, dtype.type) and (converted := label.astype(dtype)) == label:
            label = converted
    return label.item() if isinstance(label, np.generic) else label


def _to_numpy_date(label: Any) -> Any:
    """Return a date or time of Python or pandas as that of NumPy, and any other label unchanged.

    NumPy has no time zones, so a date with one equals no label.
    """
    if isinstance(label, date) and getattr(label, "tzinfo", None) is None:
        return label.to_datetime64() if hasattr(label, "to_datetime64") else np.datetime64(label)
    if isinstance(label, timedelta):
        return label.to_timedelta64() if hasattr(label, "to_timedelta64") else np.timedelta64(label)
    return label


def name_kind_of_label(label: Any) -> str | None:
    """Return the kind of a label, a value of `KINDS_OF_LABELS`; `None` for other objects."""
    kind = np.asarray(_to_numpy_date(label)).dtype.kind
    return None if kind == "O" else KINDS_OF_LABELS.get(kind)


def format_labels(labels, most: int = 30) -> str:
    """Return labels as code, the first `most` of them."""
    labels = list(labels)
    shown = ", ".join(map(_format_label, labels[:most]))
    return f"[{shown}{', ...' if len(labels) > most else ''}]"


def _format_label(label: Any) -> str:
    # Nanoseconds have numbers as items.
    label = _to_numpy_date(label)
    is_date = isinstance(label, np.datetime64 | np.timedelta64)
    return repr(label if is_date else as_item(label))
