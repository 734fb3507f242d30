"""The pixel range: which values of X mean black and white."""

from math import isfinite
from numbers import Real

import numpy as np

from .._messages import warn_user
from .image_shapes import FEWEST_PIXELS
from .row_subset import RowSubset

WHITE = 255.0
# If no pixel is brighter than this, X is probably scaled wrongly.
DARK = WHITE / 8
# Bicubic interpolation of an image from 0 to 1 gives values from -0.28 to 1.28 at most.
OVERSHOOT = 0.3
# Values that are this little below 0 are rounding errors.
ROUNDING = 1e-3
# Values further outside the range than this many times its width overflow in float32 networks.
MOST_WIDTHS_OUTSIDE = 1e6
# A batch of at least this many images is taken for a sample of all brightnesses.
MANY_IMAGES = 10

Range = tuple[float, float]


def check_pixel_range(pixel_range) -> Range | None:
    """Return the parameter `pixel_range` as two floats; `None` passes through.

    Raises
    ------
    ValueError
        If it is not two different finite numbers.
    """
    if pixel_range is None:
        return None
    values = tuple(pixel_range)
    if len(values) != 2 or not all(isinstance(n, Real) and isfinite(n) for n in values):
        raise ValueError(
            "pixel_range must be (black, white), two finite numbers, such as (0, 255), or None, "
            f"got {pixel_range!r}."
        )
    black, white = map(float, values)
    if black == white:
        raise ValueError(
            f"pixel_range must be two different numbers, (black, white), got {pixel_range!r}. "
            "Use None to learn the range from X."
        )
    return black, white


def scale_to_white(pixel_range: Range) -> float:
    """Return the factor from differences of pixel values to the scale from 0 to 255."""
    black, white = pixel_range
    return WHITE / (white - black if white != black else 1.0)


def range_of_decoded(pixel_range: Range) -> Range:
    """Return the range of images that are decoded, in the direction of another range."""
    black, white = pixel_range
    return (0.0, WHITE) if black <= white else (WHITE, 0.0)


def check_range_of_decoded(declared: Range | None) -> Range:
    """Return the pixel range of a fit on images that are decoded.

    Raises
    ------
    ValueError
        If another range than 0 to 255, in one of the directions, is declared.
    """
    declared = declared or (0.0, WHITE)
    if declared != range_of_decoded(declared):
        raise ValueError(
            f"pixel_range={declared}, but images that are decoded have pixels from 0 to 255. Leave "
            "it out, or set (255, 0) for dark ink on white."
        )
    return declared


def learn_pixel_range(rows: RowSubset) -> Range:
    """Return the values that mean black and white in these rows.

    uint8 is 0 to 255. Other types are 0 to 1 or 0 to 255 if all values are in this range, else the
    minimum and maximum of the data. Floats may exceed 0 to 1 by `OVERSHOOT`, as interpolated images
    do. A range of 0 to 255 for images that are all nearly black raises a warning.

    Raises
    ------
    ValueError
        If the difference of two values is too large for a float.
    """
    if rows.dtype == np.uint8:
        # The scan ends at the first part that is bright.
        if not rows.exceeds(DARK):
            _warn_if_dark(rows)
        return 0.0, WHITE
    low, high = rows.extremes
    if not isfinite(high - low):
        raise ValueError(
            f"X has values from {low:g} to {high:g}, which are too far apart for black and white. "
            "Scale X, for example to values from 0 to 1."
        )
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if rows.dtype.kind == "f" and _overshoots_unit(low, high):
        return 0.0, 1.0
    if low < 0 or high > WHITE:
        return low, high
    _warn_if_dark(rows)
    return 0.0, WHITE


def _overshoots_unit(low: float, high: float) -> bool:
    """Whether floats are 0 to 1 except for rounding or interpolation.

    Negative values count as overshoot only next to pixels that are nearly white: without these
    they may be of any range, such as one from -0.2 to 0.2.
    """
    lowest = -OVERSHOOT if high >= 1 - OVERSHOOT else -ROUNDING
    return lowest <= low and high <= 1 + OVERSHOOT


def _warn_if_dark(rows: RowSubset) -> None:
    high = rows.extremes[1]
    if 0 < high <= DARK and rows.shape[1] >= FEWEST_PIXELS:
        warn_user(
            f"X has pixel values up to {high:g}, which are read as 0 (black) to 255 (white), so "
            f"that all images are nearly black. If {high:g} means white, set "
            f"pixel_range=(0, {high:g}) or give X / {high:g}."
        )


def check_first_batch(rows: RowSubset) -> None:
    """Check that the first batch of `partial_fit` determines the pixel range of later ones.

    Raises
    ------
    ValueError
        If all pixels are equal, and their type does not determine the range.
    """
    if rows.dtype in (np.uint8, np.bool_) or rows.shape[1] < FEWEST_PIXELS:
        return
    low, high = rows.extremes
    if low == high:
        raise ValueError(
            f"All pixels of the first batch of partial_fit are {low:g}, so it does not tell which "
            "values mean black and white. Declare them, for example pixel_range=(0, 255) or "
            "pixel_range=(0, 1)."
        )


def check_later_batch(rows: RowSubset, pixel_range: Range) -> None:
    """Check a later batch of `partial_fit` against the range that the first one taught.

    Raises
    ------
    ValueError
        If pixels are far outside.
    """
    if len(rows) and _lies_outside(rows, pixel_range):
        least, most = rows.extremes
        raise ValueError(
            f"X has pixel values from {least:g} to {most:g}, far outside the range "
            f"{pixel_range[0]:g} to {pixel_range[1]:g} that the first call of partial_fit learned. "
            "Scale X as in the first call, or declare the range in a new estimator: "
            "pixel_range=(black, white)."
        )


def check_finite_when_scaled(rows: RowSubset, pixel_range: Range) -> None:
    """Check that a network can compute with pixels of this size.

    Raises
    ------
    ValueError
        If pixels are outside the range by more than `MOST_WIDTHS_OUTSIDE` times its width.
    """
    if not len(rows) or rows.dtype in (np.uint8, np.bool_):
        return
    low, high = sorted(pixel_range)
    margin = MOST_WIDTHS_OUTSIDE * (high - low or 1.0)
    least, most = rows.extremes
    if least < low - margin or most > high + margin:
        raise ValueError(
            f"X has values from {least:g} to {most:g}, which cannot be pixels: the estimator reads "
            f"{pixel_range[0]:g} to {pixel_range[1]:g} as black to white. Scale X as in fit."
        )


def warn_if_outside(rows: RowSubset, pixel_range: Range, name: str = "X") -> None:
    """Warn about pixels far outside the range, and about pixels of another plausible range."""
    if len(rows) and (_lies_outside(rows, pixel_range) or _has_other_unit(rows, pixel_range)):
        least, most = rows.extremes
        remedy = "Scale X as in fit." if name == "X" else f"Scale {name} as X."
        warn_user(
            f"{name} has pixel values from {least:g} to {most:g}, but the estimator reads the "
            f"range {pixel_range[0]:g} to {pixel_range[1]:g} as black to white. {remedy}"
        )


def _lies_outside(rows: RowSubset, pixel_range: Range) -> bool:
    """Whether pixels are further outside the range than ordinary images are.

    Interpolated images may exceed 0 to 1 and 0 to 255 by `OVERSHOOT`. Other images may exceed the
    minimum and maximum of the training data by the width of the range.
    """
    low, high = sorted(pixel_range)
    is_unit = low == 0 and high in (1, WHITE) and rows.shape[1] >= FEWEST_PIXELS
    margin = (OVERSHOOT if is_unit else 1.0) * (high - low)
    if rows.dtype == np.uint8 and low - margin <= 0 and high + margin >= WHITE:
        return False
    least, most = rows.extremes
    return margin > 0 and (least < low - margin or most > high + margin)


def _has_other_unit(rows: RowSubset, pixel_range: Range) -> bool:
    """Whether pixels inside the range are rather those of 0 to 1.

    One dark or bright image does not count: it may have such pixels in the range as well. Equal
    pixels do not count either, nor do integers up to 1, which black images have.
    """
    low, high = sorted(pixel_range)
    if low == 0 and high > 100:
        least, most = rows.extremes
        return rows.dtype.kind in "fb" and least < most and 0 < most <= 1
    is_symmetric = low < 0 and abs(low + high) <= 0.1 * (high - low)
    if not is_symmetric or rows.shape[1] < FEWEST_PIXELS:
        return False
    # Images from -1 to 1 have negative pixels unless they are bright everywhere. They hardly ever
    # have a minimum of exactly 0, the background of most images from 0 to 1.
    least, most = rows.extremes
    return least >= 0 and least < most and (least == 0 or len(rows) >= MANY_IMAGES)
