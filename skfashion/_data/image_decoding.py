"""One image, of any format, mode and size, becomes a uint8 array of a given shape."""

import os
from contextlib import nullcontext
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from .image_files import check_mode, find_white, import_pillow, open_image

RESIZES = ("crop", "pad", "stretch")
# Formats that Pillow decodes in a reduced size.
_REDUCIBLE = ("JPEG", "MPO")
# A reduced image is at least this many times as large as its target size.
_LEAST_REDUCTION = 2
_ORIENTATION = 0x0112
# These values of the tag exchange width and height.
_TURNED = (5, 6, 7, 8)
# Pillow's name of the operation that makes pixels upright, by value of the tag.
_TRANSPOSITIONS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_WHITE = (255, 255, 255, 255)
# Pillow converts premultiplied grey and CIELAB to few other modes.
_FIRST_MODES = {"La": "LA", "LAB": "RGB"}


@dataclass(frozen=True)
class ImageDecoder:
    """How images of any size become arrays of one shape.

    Parameters
    ----------
    shape : tuple of (h, w, c)
        Shape of the arrays; 1 channel is grey, 3 are RGB.
    resize : {"crop", "pad", "stretch"}
        Conversion of an image of another aspect ratio: crop to its centre, pad the whole image with
        black, or distort it.
    reduced : bool, default=True
        Whether a JPEG file is decoded in half, a quarter or an eighth of its size, if that is at
        least twice the target size.
    black : float, default=0
        The pixel value for black: 255 for dark ink on white.
    """

    shape: tuple[int, int, int]
    resize: str
    reduced: bool = True
    black: float = 0.0

    def decode(self, source) -> np.ndarray:
        """Return an image as a uint8 array of the shape.

        Parameters
        ----------
        source : str, path-like, PIL.Image.Image or ndarray of uint8
            A file, or an image in memory. Transparent pixels are laid over white, grey values of
            more than 8 bits are scaled so that white is 255, and the EXIF orientation is applied,
            if it can be read. Otherwise modes are converted as Pillow does.

        Raises
        ------
        Exception
            If the image cannot be decoded: of any type that Pillow raises.
        """
        is_file = isinstance(source, str | os.PathLike)
        with open_image(source) if is_file else nullcontext(as_pillow_image(source)) as image:
            if is_file and self.reduced and image.format in _REDUCIBLE:
                self._reduce(image)
            check_mode(image)
            mode = "L" if self.shape[2] == 1 else "RGB"
            colours = to_mode(_apply_orientation(image), mode, find_white(image))
            return np.asarray(self._fit(colours)).reshape(self.shape)

    def _reduce(self, image) -> None:
        """Choose the size that a JPEG file is decoded in."""
        is_turned = _read_orientation(image) in _TURNED
        height, width = self.shape[1::-1] if is_turned else self.shape[:2]
        scale_x, scale_y = width / image.width, height / image.height
        if self.resize != "stretch":
            choose = max if self.resize == "crop" else min
            scale_x = scale_y = choose(scale_x, scale_y)
        least = image.width * scale_x, image.height * scale_y
        image.draft(None, tuple(ceil(_LEAST_REDUCTION * side) for side in least))

    def _fit(self, image) -> Any:
        """Resize an image to the shape."""
        height, width = self.shape[:2]
        bilinear = import_pillow().Resampling.BILINEAR
        scales = width / image.width, height / image.height
        if self.resize == "pad":
            scale = min(scales)
            inner = max(1, round(scale * image.width)), max(1, round(scale * image.height))
            black = (round(self.black),) * len(image.getbands())
            padded = import_pillow().new(image.mode, (width, height), black)
            padded.paste(
                image.resize(inner, bilinear), ((width - inner[0]) // 2, (height - inner[1]) // 2)
            )
            return padded
        left = top = 0.0
        if self.resize == "crop":
            scale = max(scales)
            # Rounding may give a margin just below 0.
            left = max(0.0, (image.width - width / scale) / 2)
            top = max(0.0, (image.height - height / scale) / 2)
        return image.resize(
            (width, height), bilinear, (left, top, image.width - left, image.height - top)
        )


def check_resizable(array: np.ndarray) -> None:
    """Check that an array has a meaning as pixels from 0 to 255.

    Raises
    ------
    ValueError
        If it has not.
    """
    if array.dtype != np.uint8:
        raise ValueError(
            "Images of several sizes, or of another size than image_shape, are resized. They must "
            "be uint8, from 0 to 255, but one is "
            f"{array.dtype}. Convert them, for example with (255 * image).astype(numpy.uint8), or "
            "resize all to one shape before fit and predict."
        )
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (1, 3, 4)):
        raise ValueError(
            "Images that are resized must be grey, RGB or RGBA, of shape (h, w), (h, w, 3) or "
            f"(h, w, 4), but one has shape {array.shape}."
        )
    if not array.size:
        raise ValueError(f"Images must have pixels, but one in X has shape {array.shape}.")


def as_pillow_image(image) -> Any:
    """Return a Pillow image; an array that `check_resizable` passes becomes one."""
    if not isinstance(image, np.ndarray):
        return image
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    return import_pillow().fromarray(np.ascontiguousarray(image))


def size_of(image) -> tuple[int, int]:
    """Return width and height of a Pillow image or an array, before any orientation is applied."""
    return image.shape[1::-1] if isinstance(image, np.ndarray) else image.size


def common_shape(images) -> tuple[int, int, int] | None:
    """Return the shape of images of one size, `None` if they have several sizes.

    It has one channel if all images are grey, else three. They are Pillow images, or arrays that
    `check_resizable` passes.
    """
    if len({size_of(image) for image in images}) > 1:
        return None
    shapes = {_upright_shape(as_pillow_image(image)) for image in images}
    return max(shapes) if len({shape[:2] for shape in shapes}) == 1 else None


def _upright_shape(image) -> tuple[int, int, int]:
    width, height = _apply_orientation(image).size
    return height, width, 1 if _is_grey(image) else 3


def to_mode(image, mode: str, white: int | None = None) -> Any:
    """Return a Pillow image in mode "L" or "RGB", of 8 bits.

    Parameters
    ----------
    image : PIL.Image.Image
        An image that `check_mode` passes.
    mode : {"L", "RGB"}
        The mode.
    white : int, default=None
        The value for white of a grey image of more than 8 bits.
    """
    if white is not None:
        image = _to_8_bits(image, white)
    if image.mode in _FIRST_MODES:
        image = image.convert(_FIRST_MODES[image.mode])
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        background = import_pillow().new("RGBA", image.size, _WHITE)
        image = import_pillow().alpha_composite(background, colours)
    return image if image.mode == mode else image.convert(mode)


def _is_grey(image) -> bool:
    is_of_grey_mode = image.mode in ("1", "L") or find_white(image) is not None
    return is_of_grey_mode and not image.has_transparency_data


def _to_8_bits(image, white: int) -> Any:
    """Return a grey image of more bits in mode "L", or "LA" if it has a transparent value."""
    values = np.asarray(image).astype(np.uint32)
    scaled = (values * 255 + white // 2) // white  # rounded
    grey = import_pillow().fromarray(scaled.astype(np.uint8))
    if image.has_transparency_data:
        is_opaque = values != image.info["transparency"]
        grey.putalpha(import_pillow().fromarray(255 * is_opaque.astype(np.uint8)))
    return grey


def _apply_orientation(image) -> Any:
    """Return an image that is upright.

    `PIL.ImageOps.exif_transpose` also writes the other EXIF tags, and fails if one is invalid.
    """
    # Pillow turns TIFF files when it loads them, and removes the tag.
    image.load()
    transposition = _TRANSPOSITIONS.get(_read_orientation(image))
    if transposition is None:
        return image
    return image.transpose(import_pillow().Transpose[transposition])


def _read_orientation(image) -> Any:
    """Return the value of the orientation tag, 1 if it is missing or cannot be read.

    A PNG image must be loaded: otherwise `getexif` loads it, and errors of its pixels are lost.
    """
    try:
        return image.getexif().get(_ORIENTATION, 1)
    # The parsers of damaged EXIF data raise errors of many types.
    except Exception:
        return 1
