"""Images as the network takes them, made from flat rows when they are read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .chunks import count_bytes, scan_chunks
from .image_shapes import complete_shape, find_image_shape, warn_if_ambiguous
from .pixel_range import (
    WHITE,
    Range,
    check_finite_when_scaled,
    check_first_batch,
    check_later_batch,
    check_pixel_range,
    check_range_of_decoded,
    learn_pixel_range,
    range_of_decoded,
    scale_to_white,
    warn_if_outside,
)
from .row_subset import RowSubset


@dataclass(frozen=True)
class ImageFormat:
    """How flat rows become images, learned in `fit`.

    Parameters
    ----------
    image_shape : tuple of (h, w, c)
        Shape of an image. An image with more pixels than a row is padded with black.
    pixel_range : tuple of (black, white)
        The values that mean black and white.
    resize : {"crop", "pad", "stretch"} or None, default=None
        How images of other shapes are resized. `None` is the parameter of the estimator: files of
        early versions do not have it.
    reduced_decoding : bool, default=True
        Whether JPEG files may be decoded in a reduced size.
    """

    image_shape: tuple[int, int, int]
    pixel_range: Range
    resize: str | None = None
    reduced_decoding: bool = True

    @classmethod
    def learn_for(cls, params, rows: RowSubset, shape, is_partial=False) -> "ImageFormat":
        """Learn the format of validated rows, with the parameters of an estimator.

        Parameters
        ----------
        params : BackboneEstimator
            Its parameters `image_shape` and `pixel_range` replace what is learned.
        rows, shape, is_partial
            As for `learn`.
        """
        learned = cls.learn(rows, shape, params.image_shape, params.pixel_range, is_partial)
        resize, reduced_decoding = _decoding_of(params)
        return replace(learned, resize=resize, reduced_decoding=reduced_decoding)

    @classmethod
    def learn(
        cls, rows: RowSubset, shape, image_shape, pixel_range=None, is_partial=False
    ) -> "ImageFormat":
        """Learn the format of validated rows.

        Parameters
        ----------
        rows : RowSubset of shape (n, n_features)
            Validated rows.
        shape, image_shape
            As for `find_image_shape`.
        pixel_range : tuple of (black, white) or None
            The parameter of the estimator; `None` learns the range from the rows.
        is_partial : bool, default=False
            Whether the rows are the first batch of `partial_fit`.

        Raises
        ------
        ValueError
            If a parameter contradicts the rows, or a first batch does not determine the range.
        """
        declared = check_pixel_range(pixel_range)
        if rows.is_from_images:
            declared = check_range_of_decoded(declared)
        found_shape = find_image_shape(shape, rows.shape[1], image_shape)
        if shape is None and image_shape is None:
            warn_if_ambiguous(rows.shape[1], found_shape)
        if declared is None and is_partial:
            check_first_batch(rows)
        return cls(found_shape, learn_pixel_range(rows) if declared is None else declared)

    def check_continued(self, params, rows: RowSubset, is_partial: bool) -> None:
        """Check the rows and the parameters of a further call against this format.

        Raises
        ------
        ValueError
            If a parameter was changed, or a later batch of `partial_fit` is far outside a range
            that was learned.
        """
        declared = check_pixel_range(params.pixel_range)
        if declared not in (None, self.pixel_range):
            raise ValueError(
                "Training continues with the pixel range of the first fit, "
                f"{self.pixel_range}, but pixel_range={params.pixel_range!r}. Fit a new estimator "
                "for another range."
            )
        given = params.image_shape
        if given is not None and complete_shape(given) != self.image_shape:
            raise ValueError(
                f"Training continues with the image shape of the first fit, {self.image_shape}, "
                f"but image_shape={given!r}. Fit a new estimator for another shape."
            )
        fitted = self.resize, self.reduced_decoding
        if self.resize and fitted != _decoding_of(params):
            raise ValueError(
                f"Training continues with resize={fitted[0]!r} and reduced_decoding={fitted[1]} of "
                f"the first fit, but resize={params.resize!r} and "
                f"reduced_decoding={params.reduced_decoding}. Fit a new estimator for others."
            )
        if declared is None and is_partial and not rows.is_from_images:
            check_later_batch(rows, self.pixel_range)

    def check_values(self, rows: RowSubset) -> None:
        """Check that rows which are not decoded have values that can be pixels.

        Raises
        ------
        ValueError
            If they are far too large or too small.
        """
        if not rows.is_from_images:
            check_finite_when_scaled(rows, self.pixel_range)

    def lazy_images(self, rows: RowSubset, float_type: str, name: str = "X") -> "LazyImages":
        """Return images as the network takes them.

        uint8 data stays uint8; all other types become `float_type`. Pixels far outside the
        learned range draw a warning. Images that are decoded always have pixels from 0 to 255.

        Parameters
        ----------
        rows : RowSubset of shape (n, n_features)
            Validated rows.
        float_type : str
            Type of images that are not uint8.
        name : str, default="X"
            Name of the rows, for the warning.

        Raises
        ------
        ValueError
            If pixels are so far outside that a network cannot compute with them.
        """
        image_format = self
        if rows.is_from_images:
            image_format = replace(self, pixel_range=range_of_decoded(self.pixel_range))
        if rows.dtype == np.uint8 and image_format.pixel_range == (0.0, WHITE):
            return LazyImages(image_format, rows, np.dtype(np.uint8))
        self.check_values(rows)
        if not rows.is_from_images:
            warn_if_outside(rows, self.pixel_range, name)
        return LazyImages(image_format, rows, np.dtype(float_type))


def _decoding_of(params) -> tuple[str, bool]:
    return params.resize, bool(params.reduced_decoding)


@dataclass(frozen=True)
class LazyImages:
    """Images from 0 (black) to 255 (white), each made from its row when it is read.

    Parameters
    ----------
    image_format : ImageFormat
        How rows become images.
    rows : RowSubset of shape (n, n_features)
        Validated rows.
    dtype : dtype
        Type of the images.
    mirrored : tuple of int, default=()
        Axes of a batch of images along which images are flipped.
    """

    image_format: ImageFormat
    rows: RowSubset
    dtype: np.dtype
    mirrored: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of images, height, width and channels."""
        return len(self), *self.image_format.image_shape

    @property
    def is_slow(self) -> bool:
        """Whether reading may take long, so that it should run ahead of computation."""
        return self.rows.is_slow

    @property
    def nbytes(self) -> int:
        """Size in bytes of all images together."""
        return count_bytes(self.shape, self.dtype)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the images at a slice or an array of indices, as a view where possible."""
        rows = self.rows[indices]
        if rows.dtype != self.dtype or self.image_format.pixel_range != (0.0, WHITE):
            rows = self._scale(rows)
        padding = int(np.prod(self.shape[1:])) - rows.shape[1]
        if padding:
            rows = np.pad(rows, ((0, 0), (0, padding)))
        return np.flip(rows.reshape(len(rows), *self.shape[1:]), self.mirrored)

    def __iter__(self) -> Iterator[np.ndarray]:
        for part in scan_chunks(self):
            yield from self[part]

    def take(self, indices: np.ndarray) -> "LazyImages":
        """Return a subset of the images without reading them."""
        return replace(self, rows=self.rows.take(indices))

    def astype(self, dtype) -> "LazyImages":
        """Return the images as numbers of another type, without reading them."""
        return replace(self, dtype=np.dtype(dtype))

    def _scale(self, rows: np.ndarray) -> np.ndarray:
        pixel_range = self.image_format.pixel_range
        scaled = np.subtract(rows, pixel_range[0], dtype=np.float64)
        scaled *= scale_to_white(pixel_range)
        return scaled.astype(self.dtype, copy=False)
