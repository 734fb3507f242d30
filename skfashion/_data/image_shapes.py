"""Image shapes: images become flat rows, and flat rows fold into images."""

from numbers import Integral

import numpy as np

# Side, in pixels, of the smallest image that a flat row folds into.
SMALLEST_SIDE = 8


def as_rows(X):
    """Flatten images to rows; arrays and DataFrames that are flat already pass through.

    Parameters
    ----------
    X : array-like of shape (n, h, w), (n, h, w, c) or (n, n_features)
        Images or flat rows.

    Returns
    -------
    rows : array-like of shape (n, n_features)
        Flat rows, which scikit-learn validates.
    shape : tuple of (h, w, c) or None
        Shape of an image; `None` for flat rows.

    Raises
    ------
    ValueError
        If `X` has more than four dimensions, or its channels seem to come first.
    """
    if not hasattr(X, "ndim"):
        X = np.asarray(X)
    if X.ndim <= 2:
        return X, None
    if X.ndim > 4:
        raise ValueError(
            "X must be images of shape (n, h, w) or (n, h, w, c), or flat rows of shape "
            f"(n, h*w*c), got an array of shape {X.shape}."
        )
    X = np.asanyarray(X)
    n, height, width = X.shape[:3]
    channels = X.shape[3] if X.ndim == 4 else 1
    if height in (1, 3) and channels > 4:
        raise ValueError(
            f"X has shape {X.shape}, which looks like channels first. Channels come last: "
            "pass np.moveaxis(X, 1, -1)."
        )
    return X.reshape(n, height * width * channels), (height, width, channels)


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
            "Leave image_shape out: it says how flat rows fold."
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
                f"image_shape={tuple(image_shape)} multiplies up to {int(np.prod(shape))} "
                f"numbers an image, but the rows of X have {n_features}. Give the height, width "
                "and, for colour, channels whose product that is."
            )
        return shape
    for channels in (1, 3):
        side = round((n_features / channels) ** 0.5)
        if side * side * channels == n_features and side >= SMALLEST_SIDE:
            return side, side, channels
    side = max(int(np.ceil(n_features**0.5)), SMALLEST_SIDE)
    return side, side, 1


def complete_shape(image_shape) -> tuple[int, int, int]:
    """Return an `image_shape` of (h, w) or (h, w, c) as (h, w, c).

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
    return sizes[0], sizes[1], sizes[2] if len(sizes) == 3 else 1
