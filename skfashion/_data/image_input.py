"""X of files, Pillow images or arrays of different sizes becomes rows of one shape."""

import os
from pathlib import Path

import numpy as np

from .._backbones.registry import get_backbone
from .decoded_rows import DecodedRows
from .image_decoding import ImageDecoder, check_resizable, equal_images
from .image_files import check_image_headers
from .image_list import as_image_list, is_path, is_pillow_image
from .image_shapes import complete_shape


def read_images(estimator, X, image_shape=None) -> np.ndarray | DecodedRows | None:
    """Return images of any size as rows of one shape, decoded when they are read.

    Parameters
    ----------
    estimator : BackboneEstimator
        Its parameters set the shape in the first fit, and the resizing of images.
    X : array-like
        Input of the user.
    image_shape : tuple of (h, w, c), optional
        Shape of the images that the estimator was fitted on; `None` in the first fit.

    Returns
    -------
    DecodedRows, ndarray or None
        The rows; an array, if `X` is a list of images of one shape; `None` if `X` is not a list of
        files or images.

    Raises
    ------
    ValueError, OSError
        If headers of files cannot be read, or arrays cannot be resized.
    """
    images = as_image_list(X)
    if images is None:
        return None
    is_first = image_shape is None
    if is_path(images[0]):
        check_image_headers(images)
        # The working directory may change before the files are read.
        images = [str(Path(os.fsdecode(path)).absolute()) for path in images]
    elif is_pillow_image(images[0]):
        if is_first and estimator.image_shape is None:
            array = equal_images(images)
            if array is not None:
                return array
    elif _have_right_shape(images, image_shape):
        return _stack(images, image_shape)
    else:
        for image in images:
            check_resizable(image)
    shape = shape_in_first_fit(estimator) if is_first else image_shape
    _check_channels(shape, "image_shape" if is_first else "image_shape_")
    return DecodedRows(images, ImageDecoder(shape, estimator.resize, estimator.reduced_decoding))


def _have_right_shape(arrays, image_shape) -> bool:
    """Whether arrays have one shape, in a first fit, or else the shape of the images in `fit`.

    Arrays of other types than uint8 also count: they are not resized.
    """
    shapes = {array.shape for array in arrays}
    if image_shape is None:
        return len(shapes) == 1
    if len(shapes) == 1 and arrays[0].dtype != np.uint8:
        return True
    return shapes <= {image_shape, image_shape[:2] if image_shape[2] == 1 else image_shape}


def _stack(arrays, image_shape) -> np.ndarray:
    """Return one array; the axis of the channel is added if only some grey images have it."""
    if len({array.shape for array in arrays}) > 1:
        arrays = [array.reshape(image_shape) for array in arrays]
    return np.stack(arrays)


def shape_in_first_fit(estimator) -> tuple[int, int, int]:
    """Return the shape that files and images of different sizes get in a first fit."""
    if estimator.image_shape is not None:
        return complete_shape(estimator.image_shape)
    side = estimator.input_size or get_backbone(estimator.backbone).side_of_files
    return side, side, 3


def _check_channels(shape, name: str) -> None:
    if shape[2] not in (1, 3):
        raise ValueError(
            f"Files and images of different sizes become grey or RGB images, of 1 or 3 channels, "
            f"but {name}={shape} has {shape[2]}. Pass arrays of that shape."
        )
