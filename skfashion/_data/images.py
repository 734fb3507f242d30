"""From flat rows to the network's input: the range of pixel values, and images that are read."""

from dataclasses import dataclass, replace

import numpy as np

from .._messages import warn_user
from .image_shapes import SMALLEST_SIDE, find_image_shape
from .row_subset import RowSubset, row_chunks

WHITE = 255.0
# Images none of which is brighter are taken for a mistake of scale.
DARK = WHITE / 8


def learn_pixel_range(rows) -> tuple[float, float]:
    """Return the values that mean black and white in these rows.

    uint8 is 0 to 255. Other numbers are 0 to 1 or 0 to 255 if they lie there, else the data's
    own minimum and maximum. 0 to 255 with images that are all nearly black draws a warning.
    """
    if rows.dtype == np.uint8:
        return 0.0, WHITE
    low, high = rows.extremes
    if low < 0 or high > WHITE:
        return low, high
    if high <= 1:
        return 0.0, 1.0
    if high <= DARK and rows.shape[1] >= SMALLEST_SIDE**2:
        warn_user(
            f"X has pixel values up to {high:g}, which are read as 0 (black) to 255 (white), so "
            f"that all images are nearly black. If {high:g} means white, give X / {high:g}."
        )
    return 0.0, WHITE


@dataclass(frozen=True)
class ImageFormat:
    """How rows become images, learned in `fit`.

    Parameters
    ----------
    image_shape : tuple of (h, w, c)
        The shape of an image; room beyond a row's numbers is filled with black.
    pixel_range : tuple of (black, white)
        The values that mean black and white.
    """

    image_shape: tuple[int, int, int]
    pixel_range: tuple[float, float]

    @classmethod
    def learn(cls, rows, shape, image_shape) -> "ImageFormat":
        """Learn the format of validated rows; parameters as of `find_image_shape`."""
        image_shape = find_image_shape(shape, rows.shape[1], image_shape)
        return cls(image_shape, learn_pixel_range(rows))

    def images(self, rows, float_type) -> "Images":
        """Return images as the network takes them.

        uint8 data stays uint8; everything else becomes `float_type`. Pixels that lie far from the
        learned range draw a warning.

        Parameters
        ----------
        rows : RowSubset, of shape (n, n_features)
            Validated rows.
        float_type : str
            Type of what is not uint8.
        """
        if rows.dtype == np.uint8 and self.pixel_range == (0.0, WHITE):
            return Images(self, rows, np.dtype(np.uint8))
        self._warn_if_outside(rows)
        return Images(self, rows, np.dtype(float_type))

    def _warn_if_outside(self, rows):
        """Warn about pixels further off the range than it is wide, or all in its bottom 255th."""
        if not len(rows):
            return
        low, high = self.pixel_range
        least, most = rows.extremes
        margin = high - low
        too_wide = margin > 0 and (least < low - margin or most > high + margin)
        too_narrow = high == WHITE and rows.dtype.kind == "f" and 0 < most <= 1
        if too_wide or too_narrow:
            warn_user(
                f"X has pixel values from {least:g} to {most:g}, but the estimator was fitted on "
                f"the range {low:g} to {high:g}. Scale X as in fit."
            )


@dataclass(frozen=True)
class Images:
    """Images as the network takes them, each made when it is read: 0 is black and 255 is white.

    Parameters
    ----------
    image_format : ImageFormat
        How rows become images.
    rows : RowSubset, of shape (n, n_features)
        Validated rows.
    dtype : dtype
        The type of the images.
    mirrored : tuple of int, default=()
        The axes of a batch of images along which they are flipped.
    """

    image_format: ImageFormat
    rows: RowSubset
    dtype: np.dtype
    mirrored: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Their number, height, width and channels."""
        return len(self), *self.image_format.image_shape

    @property
    def nbytes(self) -> int:
        """Bytes that all of them would take."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __getitem__(self, places) -> np.ndarray:
        """Return the images at a slice or an array of places, not copied where that can be."""
        rows = self.rows[places]
        if rows.dtype != self.dtype or self.image_format.pixel_range != (0.0, WHITE):
            rows = self._scaled(rows)
        padding = int(np.prod(self.shape[1:])) - rows.shape[1]
        if padding:
            rows = np.pad(rows, ((0, 0), (0, padding)))
        return np.flip(rows.reshape(len(rows), *self.shape[1:]), self.mirrored)

    def __iter__(self):
        for part in row_chunks(self):
            yield from self[part]

    def take(self, places) -> "Images":
        """Return some of the images, of which none is read."""
        return replace(self, rows=self.rows.take(places))

    def _scaled(self, rows):
        low, high = self.image_format.pixel_range
        scaled = np.subtract(rows, low, dtype=np.float64)
        scaled *= WHITE / (high - low if high > low else 1.0)
        return scaled.astype(self.dtype, copy=False)
