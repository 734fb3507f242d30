"""X as single images: paths of files, Pillow images, or arrays of different sizes."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np


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
        If the first item is a path or a Pillow image, and another one is not.
    ValueError
        If `X` is one path or Pillow image, or empty.
    """
    _check_is_several(X)
    items = _items_of(X)
    if items is None:
        return None
    if not items:
        raise ValueError("X must hold at least one image or path, but it is empty.")
    if is_path(items[0]):
        _check_all(items, "a path", lambda item: isinstance(item, str | os.PathLike))
        return items
    if is_pillow_image(items[0]):
        _check_all(items, "a Pillow image", is_pillow_image)
        return items
    return items if all(isinstance(item, np.ndarray) and item.ndim >= 2 for item in items) else None


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
    for index, item in enumerate(items):
        if not is_of_kind(item):
            raise TypeError(
                f"X must hold items of one kind, but item 0 is {kind}, and item {index} is "
                f"{_shorten(item)}, of type {type(item).__name__}."
            )


def _shorten(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= 40 else f"{text[:40]}..."
