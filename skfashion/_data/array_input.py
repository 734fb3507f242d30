"""Conversion of a user's X to an array, or to an error that states the input."""

from typing import Any

import numpy as np


def as_array(X) -> Any:
    """Return `X` as an array; arrays and DataFrames pass through.

    So does everything else that has `ndim`, or columns and a shape, as frames of polars and tables
    of pyarrow have: scikit-learn reads the names of their columns.

    Raises
    ------
    TypeError
        If `X` is an iterator, or no array-like at all.
    ValueError
        If `X` holds paths as bytes, or images of different shapes as nested lists.
    """
    is_frame = hasattr(X, "columns") and hasattr(X, "shape")
    if not (is_frame or hasattr(X, "ndim")):
        if hasattr(X, "__next__"):
            raise TypeError(
                f"X must be an array or a list, but it is a {type(X).__name__}, which can be read "
                "only once. Pass np.stack(list(X))."
            )
        X = _stack(X)
        if X.ndim == 0 and X.dtype == object:
            raise TypeError(
                "X must be images of shape (n, h, w) or (n, h, w, c), or flat rows, as an array, "
                f"list or DataFrame, got a {type(X.item()).__name__}."
            )
    if X.shape[1:] in ((), (1,)) and 0 not in X.shape:
        _check_items(X)
    return X


def _stack(X) -> np.ndarray:
    try:
        return np.asarray(X)
    except ValueError as error:
        _check_same_shape(X, error)
        raise


def _check_items(X) -> None:
    """Check that one column does not hold bytes; other objects are left to scikit-learn."""
    column = np.asarray(X)
    first = column.flat[0] if column.ndim and column.dtype.kind in "OS" else None
    if isinstance(first, bytes):
        raise ValueError(
            f"X holds bytes, such as {bytes(first)!r}. Paths must be str or path-like: pass "
            "[os.fsdecode(path) for path in X]."
        )


def _check_same_shape(images, cause: ValueError) -> None:
    """Check that a sequence of images has one shape.

    Sequences of anything else than images pass. `cause` is the error of NumPy.
    """
    try:
        shapes = list(dict.fromkeys(np.shape(image) for image in images))
    except ValueError:
        return
    if len(shapes) < 2 or max(map(len, shapes)) < 2:
        return
    shown = ", ".join(map(str, shapes[:3]))
    raise ValueError(
        "All images in X must have the same shape, but there are images of shape "
        f"{shown}{', ...' if len(shapes) > 3 else ''}. Pass a list of uint8 arrays, which are "
        "resized, or resize them before fit and predict."
    ) from cause
