"""X as single images: paths of files, Pillow images, or arrays of different sizes."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import _num_samples


def as_image_list(X) -> list | None:
    """Return the items of `X` if they are paths, Pillow images, or arrays of uint8 images.

    Parameters
    ----------
    X : array-like
        Input of the user: a list, an array, a Series, or a DataFrame with one column.

    Returns
    -------
    list or None
        The items; `None` if `X` is anything else, such as an array of images.

    Raises
    ------
    TypeError
        If an item is a path or a Pillow image, and another one is not.
    ValueError
        If `X` is one path or Pillow image, or empty.
    """
    _check_is_several(X)
    items = _items_of(X)
    if items is None:
        return None
    if not items:
        raise ValueError("X must hold at least one image or path, but it is empty.")
    if any(map(is_path, items)):
        _check_all(items, "a path", is_file)
        return items
    if any(map(is_pillow_image, items)):
        _check_all(items, "a Pillow image", is_pillow_image)
        return items
    return items if all(isinstance(item, np.ndarray) and item.ndim >= 2 for item in items) else None


def check_lengths(X, **others) -> int:
    """Check that `X` and other arrays, by their names, have one length, and return it.

    Arrays that are `None` are not checked.

    Raises
    ------
    TypeError
        If `X` has no length.
    ValueError
        If lengths differ, or `X` is one path or Pillow image.
    """
    _check_is_several(X)
    n_rows = _num_samples(X)
    for name, values in others.items():
        if values is not None and _num_samples(values) != n_rows:
            raise ValueError(
                f"X and {name} must have the same length, got {n_rows} and {_num_samples(values)} "
                f"rows. Pass one value of {name} for each image."
            )
    return n_rows


def images_to_decode(X) -> list | None:
    """Return the items of `X` if they are paths, Pillow images, or arrays of several shapes."""
    images = as_image_list(X)
    if images is None or not isinstance(images[0], np.ndarray):
        return images
    return images if len({image.shape for image in images}) > 1 else None


def _items_of(X) -> list | None:
    """Return the items of a sequence or a single column, `None` for other arrays."""
    if isinstance(X, Sequence) and not isinstance(X, str | bytes):
        return list(X)
    shape = getattr(X, "shape", ())
    if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)):
        return None
    column = np.asarray(X)
    return list(column.flat) if column.dtype.kind in "OUT" else None


def is_file(item) -> bool:
    """Whether an item of `as_image_list` is a file; others are images in memory."""
    return isinstance(item, str | os.PathLike)


def is_path(item) -> bool:
    """Whether an item is a path; a text that is a number is not."""
    if isinstance(item, os.PathLike):
        return True
    if not isinstance(item, str):
        return False
    try:
        float(item)
    except ValueError:
        return True
    return False


def is_pillow_image(item) -> bool:
    """Whether an item is a Pillow image, which nobody has without Pillow."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(item, pillow.Image)


def _check_is_several(X) -> None:
    if is_path(X):
        raise ValueError(
            f"X must be a list of paths or images, but it is the path {str(X)!r}. Pass [X] for one "
            "file; skfashion.datasets.load_image_folder lists the files of a folder."
        )
    if is_pillow_image(X):
        raise ValueError("X must be a list of images, but it is one Pillow image. Pass [X].")


def _check_all(items: list, kind: str, is_of_kind) -> None:
    are_of_kind = [is_of_kind(item) for item in items]
    if not all(are_of_kind):
        other = are_of_kind.index(False)
        raise TypeError(
            f"X must hold items of one kind, but item {are_of_kind.index(True)} is {kind}, and "
            f"item {other} is {_shorten(items[other])}, of type {type(items[other]).__name__}."
        )


def _shorten(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= 40 else f"{text[:40]}..."
