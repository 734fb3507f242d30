"""X of files, Pillow images or arrays of different sizes becomes rows of one shape."""

import os
from pathlib import Path

import numpy as np

from .._backbones.registry import get_backbone
from .decoded_rows import DecodedRows
from .image_decoding import ImageDecoder, check_resizable, common_shape, size_of
from .image_files import check_image_headers
from .image_list import as_image_list, is_file
from .image_shapes import complete_shape
from .lazy_images import ImageFormat
from .pixel_range import check_pixel_range, check_range_of_decoded, range_of_decoded


def read_images(
    params, X, image_format: ImageFormat | None = None
) -> np.ndarray | DecodedRows | None:
    """Return images of any size as rows of one shape, decoded when they are read.

    Parameters
    ----------
    params : BackboneEstimator
        Its parameters set the shape and the resizing of images in a first fit.
    X : array-like
        Input of the user.
    image_format : ImageFormat, optional
        The format that `fit` learned; `None` in a first fit.

    Returns
    -------
    DecodedRows, ndarray or None
        The rows; an array, if `X` is a list of arrays of one shape; `None` if `X` is not a list of
        files or images.

    Raises
    ------
    ValueError, OSError
        If headers of files cannot be read, or arrays cannot be resized.
    """
    images = as_image_list(X)
    if images is None:
        return None
    if is_file(images[0]):
        check_image_headers(images)
        # The working directory may change before the files are read.
        images = [str(Path(os.fsdecode(path)).absolute()) for path in images]
    known = _known_shape(params) if image_format is None else image_format.image_shape
    shape = _find_decoded_shape(params, images, known)
    if shape is None:
        return _stack(images, known)
    _check_channels(shape, "image_shape" if image_format is None else "image_shape_")
    return DecodedRows(images, _make_decoder(params, shape, image_format))


def decoded_shape_in_first_fit(params, X) -> tuple[int, int, int] | None:
    """Return the shape of decoded images in a first fit, `None` if `X` is not decoded."""
    images = as_image_list(X)
    return None if images is None else _find_decoded_shape(params, images, _known_shape(params))


def check_first_decoding(params, X) -> None:
    """Check the parameters for images that are decoded in a first fit; other `X` passes.

    Raises
    ------
    ValueError
        If `image_shape` or `pixel_range` does not suit them.
    """
    shape = decoded_shape_in_first_fit(params, X)
    if shape is not None:
        _check_channels(shape, "image_shape")
        check_range_of_decoded(check_pixel_range(params.pixel_range))


def shape_of_files(params) -> tuple[int, int, int]:
    """Return the shape that files and images of different sizes get in a first fit."""
    known = _known_shape(params)
    if known is not None:
        return known
    side = params.input_size or get_backbone(params.backbone).side_of_files
    return complete_shape((side, side, 3))


def _known_shape(params) -> tuple[int, int, int] | None:
    return None if params.image_shape is None else complete_shape(params.image_shape)


def _find_decoded_shape(params, images, known) -> tuple[int, int, int] | None:
    """Return the shape that images are decoded in, `None` for arrays that are stacked.

    `known` is the shape of images in `fit`, or the parameter; `None` if there is neither.

    Raises
    ------
    ValueError
        If arrays cannot be resized.
    """
    if isinstance(images[0], np.ndarray):
        if _have_right_shape(images, known):
            return None
        for image in images:
            check_resizable(image)
    return known or _find_small_shape(params, images) or shape_of_files(params)


def _find_small_shape(params, images) -> tuple[int, int, int] | None:
    """Return the shape of images of one size that `fit` does not resize, `None` for others.

    Images in memory keep their size if no side is longer than that of resized files. If larger
    ones did too, one image of another size would change the shape of all.
    """
    if params.input_size is not None or is_file(images[0]):
        return None
    side = shape_of_files(params)[0]
    return common_shape(images) if all(max(size_of(image)) <= side for image in images) else None


def _have_right_shape(arrays, known) -> bool:
    """Whether arrays have the known shape, or one shape if it is not known.

    Arrays of one shape and of other types than uint8 also count: they are not resized.
    """
    shapes = {array.shape for array in arrays}
    if known is None or (len(shapes) == 1 and arrays[0].dtype != np.uint8):
        return len(shapes) == 1
    return shapes <= {known, known[:2] if known[2] == 1 else known}


def _stack(arrays, known) -> np.ndarray:
    """Return one array; the axis of the channel is added if only some grey images have it."""
    if len({array.shape for array in arrays}) > 1:
        arrays = [array.reshape(known) for array in arrays]
    return np.stack(arrays)


def _make_decoder(params, shape, image_format: ImageFormat | None) -> ImageDecoder:
    if image_format is None:
        declared = check_range_of_decoded(check_pixel_range(params.pixel_range))
        return ImageDecoder(shape, params.resize, params.reduced_decoding, declared[0])
    black, _ = range_of_decoded(image_format.pixel_range)
    if image_format.resize is None:  # in files of early versions
        return ImageDecoder(shape, params.resize, params.reduced_decoding, black)
    return ImageDecoder(shape, image_format.resize, image_format.reduced_decoding, black)


def _check_channels(shape, name: str) -> None:
    if shape[2] not in (1, 3):
        raise ValueError(
            f"Files and images that are resized become grey or RGB images, of 1 or 3 channels, but "
            f"{name}={shape} has {shape[2]}. Pass arrays of that shape."
        )
