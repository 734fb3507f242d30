"""Image shapes: images become flat rows, and flat rows fold into images."""

from numbers import Integral

import numpy as np

from .._messages import warn_user
from .array_input import as_array

# Side, in pixels, of the smallest image that a flat row folds into.
SMALLEST_SIDE = 8
# Rows with fewer values are too short to be images. Nothing about them draws a warning.
FEWEST_PIXELS = SMALLEST_SIDE**2
# Largest ratio of the sides of an image that a flat row may have been.
_MOST_OBLONG = 2


def as_rows(X, known_shape=None):
    """Flatten images to rows; arrays and DataFrames that are flat already pass through.

    Parameters
    ----------
    X : array-like of shape (n, h, w), (n, h, w, c) or (n, n_features)
        Images or flat rows.
    known_shape : tuple of (h, w) or (h, w, c), default=None
        Shape of an image, if the user gave one or the estimator was fitted on it. Images of this
        shape are not checked for plausible channels.

    Returns
    -------
    rows : array-like of shape (n, n_features)
        Flat rows, which scikit-learn validates.
    shape : tuple of (h, w, c) or None
        Shape of an image; `None` for flat rows.

    Raises
    ------
    ValueError
        If `X` is not an array, has one or more than four dimensions, or its channels do not seem to
        come last.
    """
    X = as_array(X)
    n_axes = len(X.shape)
    if n_axes in (0, 2):  # scikit-learn has an error for a scalar
        return X, None
    if not 2 < n_axes <= 4:
        remedy = " Reshape your data: one flat row is X.reshape(1, -1)." if n_axes == 1 else ""
        raise ValueError(
            "X must be images of shape (n, h, w) or (n, h, w, c), or flat rows of shape "
            f"(n, h*w*c), got an array of shape {X.shape}.{remedy}"
        )
    X = np.asanyarray(X)
    n, height, width = X.shape[:3]
    channels = X.shape[3] if n_axes == 4 else 1
    shape = height, width, channels
    if known_shape is None or complete_shape(known_shape) != shape:
        _check_channels_last(X.shape, shape)
    return X.reshape(n, height * width * channels), shape


def _check_channels_last(array_shape, shape) -> None:
    """Check that the last axis may be channels.

    More than four channels are plausible if there are fewer of them than pixels on a side, or if
    images are square or upright, as multispectral patches are.
    """
    height, width, channels = shape
    if channels <= 4:
        return
    keep = f"If channels do come last, set image_shape={shape}."
    if height in (1, 3) or height < min(width, channels):
        raise ValueError(
            f"X has shape {array_shape}, which looks like channels first. Channels come last: "
            f"pass np.moveaxis(X, 1, -1). {keep}"
        )
    if width < SMALLEST_SIDE // 2 < height:
        raise ValueError(
            f"X has shape {array_shape}, which looks like channels on axis 2. Images come first "
            "and channels last, (n, height, width, channels): pass np.moveaxis(X, -1, 0) if images "
            f"come last, or np.moveaxis(X, 2, -1). {keep}"
        )


def find_image_shape(shape, n_features: int, image_shape) -> tuple[int, int, int]:
    """Return the shape (h, w, c) of the images in X, or of the images that its rows fold into.

    Parameters
    ----------
    shape : tuple of (h, w, c) or None
        As `as_rows` returns it.
    n_features, image_shape
        As for `fold_shape`.

    Raises
    ------
    ValueError
        If `image_shape` is not the shape of the images.
    """
    if shape is None:
        return fold_shape(n_features, image_shape)
    if image_shape is not None and complete_shape(image_shape) != shape:
        raise ValueError(
            f"image_shape={tuple(image_shape)} is not the shape of the images in X, {shape}. "
            "Leave image_shape out: it is the shape of images in flat rows."
        )
    return shape


def fold_shape(n_features: int, image_shape=None) -> tuple[int, int, int]:
    """Return the shape (h, w, c) of the image that a flat row folds into.

    A row folds into a square grey or RGB image of at least 8 pixels a side if its length allows
    one. Otherwise it is padded to the smallest grey square of at least that side that holds it.

    Parameters
    ----------
    n_features : int
        Number of values in a row.
    image_shape : tuple of (h, w) or (h, w, c), or None
        The parameter of the estimator.

    Raises
    ------
    ValueError
        If the product of `image_shape` is not `n_features`.
    """
    if image_shape is not None:
        shape = complete_shape(image_shape)
        if int(np.prod(shape)) != n_features:
            raise ValueError(
                f"image_shape={tuple(image_shape)} has the product {int(np.prod(shape))}, but the "
                f"rows of X have {n_features} numbers. Give a height, a width and, for colour, a "
                f"number of channels with the product {n_features}."
            )
        return shape
    for channels in (1, 3):
        side = round((n_features / channels) ** 0.5)
        if side * side * channels == n_features and side >= SMALLEST_SIDE:
            return side, side, channels
    side = max(int(np.ceil(n_features**0.5)), SMALLEST_SIDE)
    return side, side, 1


def warn_if_ambiguous(n_features: int, folded: tuple[int, int, int]) -> None:
    """Warn if a row of this length may have been another image than it was folded into.

    A grey square is not ambiguous. An RGB square is, if a grey image has as many pixels. A row that
    had to be padded was not a square image, unless it is too short to be an image.

    Parameters
    ----------
    n_features : int
        Number of values in a row.
    folded : tuple of (h, w, c)
        As `fold_shape` returns it.
    """
    side, _, channels = folded
    oblong = _oblong_shape(n_features)
    if channels == 3 and oblong is not None:
        warn_user(
            f"Rows of {n_features} values are read as RGB images of shape {folded}, but may be "
            f"grey images of shape {oblong}, or of {oblong[::-1]}. Set image_shape to the shape of "
            "the images."
        )
    if channels == 1 and side * side != n_features and n_features >= FEWEST_PIXELS:
        example = (
            "(height, width) or (height, width, channels)"
            if oblong is None
            else f"{oblong} or {oblong[::-1]}"
        )
        warn_user(
            f"Rows of {n_features} values make no square grey or RGB image, so each is padded to "
            f"{side} x {side} pixels. Set image_shape to the shape of the images, such as "
            f"{example}. If X is one image, pass X[None]."
        )


def _oblong_shape(n_features: int) -> tuple[int, int] | None:
    """Return the least oblong (h, w) of this many pixels, `None` if no image is so oblong."""
    for height in range(int(n_features**0.5), 0, -1):
        if n_features % height == 0:
            width = n_features // height
            return (height, width) if width <= _MOST_OBLONG * height else None
    return None


def complete_shape(image_shape) -> tuple[int, int, int]:
    """Return an `image_shape` of (h, w) or (h, w, c) as (h, w, c), in integers of Python.

    Raises
    ------
    ValueError
        If it is not two or three whole numbers above 0.
    """
    sizes = tuple(image_shape)
    if len(sizes) not in (2, 3) or not all(isinstance(n, Integral) and int(n) > 0 for n in sizes):
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels), in whole pixels, "
            f"got {image_shape!r}."
        )
    height, width, channels = map(int, (*sizes, 1)[:3])
    return height, width, channels
