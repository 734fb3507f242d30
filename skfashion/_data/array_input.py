"""What users pass as X becomes an array, or an error that says what was passed."""

import os
from typing import Any

import numpy as np

_READ_FILES = (
    "Read the files first, at one size, for example with Pillow: "
    'np.stack([np.asarray(Image.open(path).convert("RGB").resize((64, 64))) for path in X])'
)


def as_array(X) -> Any:
    """Return `X` as an array; arrays, DataFrames and everything else with `ndim` pass through.

    Raises
    ------
    TypeError
        If `X` is an iterator, or no array-like at all.
    ValueError
        If `X` holds paths, or images of different shapes.
    """
    if not hasattr(X, "ndim"):
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
    """Check that one column holds numbers rather than paths or whole images.

    Other objects are left to scikit-learn's validation.
    """
    column = np.asarray(X)
    if column.ndim == 0 or column.dtype.kind not in "OUST":
        return
    first = column.flat[0]
    if isinstance(first, os.PathLike) or (isinstance(first, str | bytes) and not _is_number(first)):
        raise ValueError(
            f"X must be pixels, but it holds paths or text, such as {first!r}. {_READ_FILES}."
        )
    if np.ndim(first) >= 2:
        _check_same_shape(list(column.flat))
        raise ValueError(
            "X must be one array of images, but it is a column of "
            f"{len(column)} arrays. Pass np.stack(list(X))."
        )


def _is_number(text) -> bool:
    """Whether scikit-learn's validation would read a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_same_shape(images, cause=None) -> None:
    """Check that a sequence of images has one shape.

    Sequences of anything else than images pass. `cause` is the error of NumPy, if there was one.
    """
    try:
        shapes = list(dict.fromkeys(np.shape(image) for image in images))
    except ValueError:
        return
    if len(shapes) < 2 or max(map(len, shapes)) < 2:
        return
    shown = ", ".join(map(str, shapes[:3]))
    is_mixed = len({len(shape) for shape in shapes}) > 1
    remedy = 'convert all to one mode, such as image.convert("RGB")' if is_mixed else "resize them"
    raise ValueError(
        "All images in X must have the same shape, but there are images of shape "
        f"{shown}{', ...' if len(shapes) > 3 else ''}. Before fit and predict, {remedy}."
    ) from cause
