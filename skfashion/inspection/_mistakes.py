"""Select the mistakes of a classifier, and turn them into images and a title."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .._data.image_shapes import as_rows
from .._data.lazy_images import ImageFormat
from .._data.row_subset import RowSubset
from ._image_panels import to_grey_or_rgb


def select_mistakes(
    y_true: np.ndarray, y_pred: np.ndarray, confidence: np.ndarray, n_images: int
) -> tuple[np.ndarray, int]:
    """Return the indices of the most confident mistakes, and the number of all mistakes."""
    mistakes = np.flatnonzero(y_true != y_pred)
    order = np.argsort(-confidence[mistakes], kind="stable")
    return mistakes[order][:n_images], len(mistakes)


def flat_image_shape(X: ArrayLike, image_shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of the images that `X` holds or folds into, `None` for another shape."""
    rows, shape = as_rows(X, image_shape)
    fits = np.shape(rows)[-1] == np.prod(image_shape) if shape is None else shape == image_shape
    return image_shape if fits else None


def to_visible_images(
    X: ArrayLike,
    indices: np.ndarray,
    image_shape: tuple[int, ...] | None,
    pixel_range: tuple[float, float] | None = None,
) -> np.ndarray:
    """Return rows as images that can be shown: see `to_grey_or_rgb`.

    Parameters
    ----------
    X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
        Images, or flat rows.
    indices : ndarray of shape (n_shown,)
        Rows to return.
    image_shape : tuple of int or None
        The shape that flat rows fold into.
    pixel_range : tuple of (black, white), default=None
        The values that mean black and white; `None` learns them from all of `X`.

    Returns
    -------
    ndarray of shape (n_shown, h, w) or (n_shown, h, w, 3)
        Grey images from 0 to 255 as floats, or RGB images as uint8.

    Raises
    ------
    ValueError
        If `image_shape` does not fit `X`.
    """
    rows, shape = as_rows(X, image_shape)
    rows = check_array(rows, dtype="numeric", input_name="X")
    image_format = ImageFormat.learn(RowSubset(rows), shape, image_shape, pixel_range)
    # Images compare the range of pixels with the one learned, which takes at least one row.
    selected = np.array(indices if len(indices) else [0])
    images = image_format.lazy_images(RowSubset(rows, selected), "float32")[: len(indices)]
    return to_grey_or_rgb(images)


def mistakes_title(n_shown: int, n_mistakes: int, n_images: int) -> str:
    """Return a title that says how many mistakes there are, and how many are shown."""
    if not n_mistakes:
        return f"No mistake in {n_images:,} images"
    if n_mistakes == 1:
        return f"The only mistake in {n_images:,} images"
    if n_shown == n_mistakes:
        return f"All {n_mistakes} mistakes in {n_images:,} images"
    return f"The {n_shown} most confident of {n_mistakes:,} mistakes in {n_images:,} images"
