"""Select the mistakes of a classifier, and turn them into images and words."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .._data.image_shapes import as_rows
from .._data.lazy_images import ImageFormat
from .._data.row_subset import RowSubset

ClassNames: TypeAlias = Mapping[Any, str] | Sequence[str]

_MAX_NAME_LENGTH = 15


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
    """Return rows as images that can be shown.

    Images with other numbers of channels than 1 and 3 show their first channel, or their first
    three.

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
    if images.shape[-1] < 3:
        return images[..., 0]
    return np.rint(images[..., :3]).astype(np.uint8)


def mistakes_title(n_shown: int, n_mistakes: int, n_images: int) -> str:
    """Return a title that says how many mistakes there are, and how many are shown."""
    if not n_mistakes:
        return f"No mistake in {n_images:,} images"
    if n_mistakes == 1:
        return f"The only mistake in {n_images:,} images"
    if n_shown == n_mistakes:
        return f"All {n_mistakes} mistakes in {n_images:,} images"
    return f"The {n_shown} most confident of {n_mistakes:,} mistakes in {n_images:,} images"


def label_name(label: Any, class_names: ClassNames | None) -> str:
    """Return the name of a label, shortened to fit below an image.

    Parameters
    ----------
    label : object
        The label.
    class_names : dict, sequence of str or None
        Names of labels.

    Returns
    -------
    str
        The name, or the label if it has none.

    Raises
    ------
    ValueError
        If `class_names` is a sequence and the label is not an integer.
    """
    if isinstance(class_names, Mapping):
        label = class_names.get(label, label)
    elif class_names is not None:
        if not isinstance(label, Integral):
            raise ValueError(
                "class_names must be a dict of label to name, or a sequence in which integer "
                f"labels are positions; it is a {type(class_names).__name__}, and there is a label "
                f"{str(label)!r}. Pass a dict."
            )
        label = class_names[int(label)] if 0 <= int(label) < len(class_names) else label
    name = str(label)
    return name if len(name) <= _MAX_NAME_LENGTH else name[: _MAX_NAME_LENGTH - 1] + "…"


def format_percent(confidence: float) -> str:
    """Return a probability as a percentage that never rounds up to certainty."""
    percent = f"{confidence:.0%}"
    return ">99%" if percent == "100%" and confidence < 1 else percent
