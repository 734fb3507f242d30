"""The pixel range: which values of X mean black and white."""

import numpy as np

from .._messages import warn_user
from .image_shapes import SMALLEST_SIDE
from .row_subset import RowSubset

WHITE = 255.0
# If no pixel is brighter than this, X is probably scaled wrongly.
DARK = WHITE / 8


def learn_pixel_range(rows: RowSubset) -> tuple[float, float]:
    """Return the values that mean black and white in these rows.

    uint8 is 0 to 255. Other types are 0 to 1 or 0 to 255 if all values lie there, else the
    minimum and maximum of the data. A range of 0 to 255 for images that are all nearly black
    draws a warning.
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


def warn_if_outside(rows: RowSubset, pixel_range: tuple[float, float]) -> None:
    """Warn about pixels that do not fit the learned range.

    A warning is drawn by pixels that lie further outside the range than it is wide, and by floats
    that all lie in 0 to 1 where the range is 0 to 255.
    """
    if not len(rows):
        return
    low, high = pixel_range
    least, most = rows.extremes
    margin = high - low
    too_wide = margin > 0 and (least < low - margin or most > high + margin)
    too_narrow = high == WHITE and rows.dtype.kind == "f" and 0 < most <= 1
    if too_wide or too_narrow:
        warn_user(
            f"X has pixel values from {least:g} to {most:g}, but the estimator was fitted on "
            f"the range {low:g} to {high:g}. Scale X as in fit."
        )
