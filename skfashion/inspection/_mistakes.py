"""Select the mistakes of a classifier, and turn them into images and a title."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .._data.decoded_rows import DecodedRows
from .._data.image_decoding import RESIZES, ImageDecoder, check_resizable
from .._data.image_list import images_to_decode, is_file
from .._data.image_shapes import as_rows, complete_shape
from .._data.lazy_images import ImageFormat
from .._data.pixel_range import WHITE, range_of_decoded
from .._data.row_subset import RowSubset
from .._messages import unknown_name_message
from .._reporting.evaluation import count_left_out
from ._image_panels import to_grey_or_rgb

# Default shape of shown files.
_SHAPE_OF_FILES = (224, 224, 3)


def check_confidence(confidence: ArrayLike) -> np.ndarray:
    """Return the probabilities of predicted labels, checked, of shape (n,)."""
    confidence = np.asarray(confidence)
    if confidence.ndim != 1:
        raise ValueError(
            "confidence must have one probability for each image, that of the predicted label, got "
            f"an array of shape {confidence.shape}. Pass probabilities.max(axis=1)."
        )
    return confidence


def select_mistakes(
    y_true: np.ndarray, y_pred: np.ndarray, confidence: np.ndarray, n_images: int
) -> tuple[np.ndarray, int]:
    """Return the indices of the most confident mistakes, and the number of all mistakes."""
    mistakes = np.flatnonzero(y_true != y_pred)
    order = np.argsort(-confidence[mistakes], kind="stable")
    return mistakes[order][:n_images], len(mistakes)


def flat_image_shape(X: ArrayLike, image_shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of images or flat rows in `X`, `None` for another shape."""
    if images_to_decode(X) is not None:
        return image_shape
    rows, shape = as_rows(X, image_shape)
    fits = np.shape(rows)[-1] == np.prod(image_shape) if shape is None else shape == image_shape
    return image_shape if fits else None


def to_visible_images(
    X: ArrayLike,
    indices: np.ndarray,
    image_shape: tuple[int, ...] | None,
    pixel_range: tuple[float, float] | None = None,
    resize: str = "crop",
) -> np.ndarray:
    """Return rows as images that can be shown: see `to_grey_or_rgb`.

    Parameters
    ----------
    X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
        Images, flat rows, or n paths of files or images of any size.
    indices : ndarray of shape (n_shown,)
        Rows to return.
    image_shape : tuple of int or None
        The image shape of flat rows and of resized files.
    pixel_range : tuple of (black, white), default=None
        The values for black and white; `None` learns them from all of `X`. Images that are decoded
        have 0 and 255.
    resize : {"crop", "pad", "stretch"}, default="crop"
        Conversion of files and images of different sizes to one shape.

    Returns
    -------
    ndarray of shape (n_shown, h, w) or (n_shown, h, w, 3)
        Grey images from 0 to 255, or RGB images as uint8.

    Raises
    ------
    ValueError
        If `image_shape` does not match `X`, `resize` is unknown, or arrays of different sizes are
        not uint8.
    """
    if resize not in RESIZES:
        raise ValueError(unknown_name_message("resize", resize, RESIZES))
    if (images := images_to_decode(X)) is not None:
        shape = complete_shape(image_shape or _SHAPE_OF_FILES)
        image_format = ImageFormat(shape, pixel_range or (0.0, WHITE))
        return to_grey_or_rgb(_decode(images, indices, image_format, resize))
    rows, shape = as_rows(X, image_shape)
    rows = check_array(rows, dtype="numeric", input_name="X")
    image_format = ImageFormat.learn(RowSubset(rows), shape, image_shape, pixel_range)
    # Images compare the range of pixels with the one learned, which takes at least one row.
    selected = np.array(indices if len(indices) else [0])
    pixels = image_format.lazy_images(RowSubset(rows, selected), "float32")[: len(indices)]
    return to_grey_or_rgb(pixels)


def _decode(
    images: list, indices: np.ndarray, image_format: ImageFormat, resize: str
) -> np.ndarray:
    """Return selected images from 0 for black to 255 for white."""
    if isinstance(images[0], np.ndarray):
        for image in images:
            check_resizable(image)
    black, _ = range_of_decoded(image_format.pixel_range)
    decoder = ImageDecoder(image_format.image_shape, resize, black=black)
    rows = RowSubset(DecodedRows(images, decoder).take(indices))
    return image_format.lazy_images(rows, "float32")[:]


def names_of_files(X: ArrayLike, indices: np.ndarray) -> list[str] | None:
    """Return the names of files, without their folders; `None` if `X` does not hold paths."""
    images = images_to_decode(X)
    if images is None or not is_file(images[0]):
        return None
    return [Path(images[index]).name for index in indices]


def mistakes_title(n_shown: int, n_mistakes: int, n_images: int, n_left_out: int = 0) -> str:
    """Return a title with the number of mistakes, and how many are shown.

    Parameters
    ----------
    n_shown, n_mistakes, n_images : int
        Numbers of images.
    n_left_out : int, default=0
        Number of images outside the target task, which `n_images` does not count.

    Returns
    -------
    str
        The title, of two lines if images are left out.
    """
    kind = "target-task image" if n_left_out else "image"
    images = f"{n_images:,} {kind}{'' if n_images == 1 else 's'}"
    if not n_mistakes:
        title = f"No mistakes among {images}"
    elif n_mistakes == 1:
        title = f"The only mistake among {images}"
    elif n_shown == n_mistakes:
        title = f"All {n_mistakes} mistakes among {images}"
    else:
        title = f"The {n_shown} most confident of {n_mistakes:,} mistakes among {images}"
    return f"{title},\n{count_left_out(n_left_out)} left out" if n_left_out else title
