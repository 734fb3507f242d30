"""A grid of panels with images, and the names below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .._data.class_names import ClassNames, name_of_label
from .._data.pixel_range import WHITE
from ._panels import (
    CHARACTER_WIDTH,
    Spacing,
    divide,
    is_single,
    make_panels,
    merge_style,
    shorten_middle,
    size_in_points,
    take_panels,
)

if TYPE_CHECKING:
    from ._panels import AxesLike

# Texts below an image, and their colours.
Lines: TypeAlias = Sequence[tuple[str, str | None]]

N_IMAGES = 12
_MAX_COLUMNS = 6
_SIDE = 1.45  # inches
_MARGIN_BELOW = 0.1  # inches
# Names may have dollars, which are no formulas.
_TEXT_STYLE = {
    "horizontalalignment": "center",
    "verticalalignment": "top",
    "parse_math": False,
}
_LINE_HEIGHT = 0.15  # inches
_FONT_SIZE, _SMALLEST_FONT_SIZE = 8.0, 5.0
_LINE_POINTS = 1.4  # height of a line, as a multiple of the font's size
_SPACE_BELOW_IMAGE = 3  # points
_TITLE_LINE = 14  # points
_MAX_NAME_LENGTH = 15
_MAX_FILE_NAME_LENGTH = 20


def check_n_images(n_images: int) -> None:
    """Check the maximum number of images of a display."""
    if not isinstance(n_images, Integral) or isinstance(n_images, bool) or n_images < 1:
        raise ValueError(
            f"n_images must be an integer of at least 1, got {n_images!r}. Pass len(X) for all."
        )


def to_grey_or_rgb(images: np.ndarray) -> np.ndarray:
    """Return images that can be shown.

    Images with other numbers of channels than 1 and 3 show their first channel, or their first
    three.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c)
        Images from 0 to 255. Other colour values are shown as the nearest of these.

    Returns
    -------
    ndarray of shape (n, h, w) or (n, h, w, 3)
        Grey images unchanged, or RGB images as uint8.
    """
    if images.shape[-1] < 3:
        return images[..., 0]
    return np.rint(np.clip(images[..., :3], 0, WHITE)).astype(np.uint8)


# -- Panels ------------------------------------------------------------------------------------


def make_image_panels(
    ax: AxesLike | None,
    images: np.ndarray,
    n_columns: int | None,
    *,
    names: Sequence[Lines],
    min_columns: int = 1,
    title_lines: int = 0,
) -> np.ndarray:
    """Return a grid of panels without axes, at least one for each image.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes, or None
        `None` makes a figure. A single Axes is divided. Several Axes are the panels.
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        The images.
    n_columns : int or None
        Columns. `None` gives the fewest rows of at most six images, or the largest images in one
        Axes that is divided.
    names : list of list of (str, str or None)
        Lines of text below each image.
    min_columns : int, default=1
        Minimum number of columns of a new figure's width.
    title_lines : int, default=0
        Lines of a title above the images.

    Returns
    -------
    ndarray of matplotlib Axes, of shape (n_rows, n_columns)
        The panels. Several given Axes keep their shape.

    Raises
    ------
    ValueError
        If there are fewer Axes than images, `ax` is something else, or Axes hold the panels of
        another display, or one that is divided images or curves.
    """
    height, width = np.shape(images)[1:3]
    n_lines = max(map(len, names), default=2)
    text_height = _SPACE_BELOW_IMAGE + _LINE_POINTS * _FONT_SIZE * n_lines
    title_height = _TITLE_LINE * title_lines
    spacing = Spacing(title_height, text_height, text_height)
    if is_single(ax):
        if n_columns is None and len(images):
            n_columns = _columns_of_largest_images(len(images), height / width, ax, spacing)
        panels = divide(ax, _grid_shape(len(images), n_columns), spacing=spacing)
    elif ax is not None:
        # A caller makes them before the number of images is known.
        panels = take_panels(ax, max(len(images), 1), or_more=True)
    else:
        n_rows, n_columns = _grid_shape(len(images), n_columns)
        row_height = _SIDE * height / width + _MARGIN_BELOW + _LINE_HEIGHT * n_lines
        figsize = (_SIDE * max(n_columns, min_columns), row_height * n_rows + title_height / 72)
        panels = make_panels(None, (n_rows, n_columns), figsize=figsize)
    for panel in panels.flat:
        panel.set_axis_off()
    return panels


def _columns_of_largest_images(n_images: int, aspect: float, ax: Any, spacing: Spacing) -> int:
    """Return the number of columns with the largest images, and text below each, in an Axes."""
    width, height = size_in_points(ax)

    def side(n_columns: int) -> float:
        row_height = (height - spacing.above) / ceil(n_images / n_columns)
        return min(width / n_columns, (row_height - spacing.below) / aspect)

    return max(range(1, n_images + 1), key=lambda number: (side(number), number))


def _grid_shape(n_images: int, n_columns: int | None) -> tuple[int, int]:
    """Return rows and columns: by default the fewest rows of at most six images."""
    n_images = max(n_images, 1)
    if not n_columns:
        n_columns = ceil(n_images / ceil(n_images / _MAX_COLUMNS))
    return ceil(n_images / n_columns), n_columns


def draw_images(
    panels: np.ndarray, images: np.ndarray, imshow_kw: Mapping[str, Any] | None
) -> list[Any]:
    """Draw each image in a panel; return the `AxesImage` of each."""
    style = {"cmap": "gray", "vmin": 0, "vmax": WHITE, **(imshow_kw or {})}
    return [panel.imshow(image, **style) for panel, image in zip(panels.flat, images, strict=False)]


# -- Names -------------------------------------------------------------------------------------


def write_names(
    panels: np.ndarray,
    names: Sequence[Lines],
    text_kw: Mapping[str, Any] | None,
    *,
    is_new_figure: bool,
) -> None:
    """Write lines below each image, all in one size, shortened to the width of a panel.

    Parameters
    ----------
    panels : ndarray of matplotlib Axes
        The panels.
    names : list of list of (str, str or None)
        Lines below each image: texts and their colours, `None` for the colour of the style.
    text_kw : dict or None
        Style of the text.
    is_new_figure : bool
        Whether the figure has room for names of full size.
    """
    size, length = _FONT_SIZE, None
    longest = max((len(text) for lines in names for text, _ in lines), default=0)
    if longest and not is_new_figure:
        width = size_in_points(panels.flat[0])[0] / CHARACTER_WIDTH
        size = min(max(width / longest, _SMALLEST_FONT_SIZE), _FONT_SIZE)
        length = int(width / size)
    for panel, lines in zip(panels.flat, names, strict=False):
        for number, (text, color) in enumerate(lines):
            panel.annotate(
                text if length is None else shorten_middle(text, length),
                (0.5, 0),
                xytext=(0, -_SPACE_BELOW_IMAGE - _LINE_POINTS * size * number),
                xycoords="axes fraction",
                textcoords="offset points",
                **merge_style({**_TEXT_STYLE, "fontsize": size, "color": color}, text_kw),
            )


def label_name(label: Any, class_names: ClassNames | None) -> str:
    """Return the name of a label, shortened in its middle to fit below an image.

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
    return _as_plain_text(shorten_middle(name_of_label(label, class_names), _MAX_NAME_LENGTH))


def shorten_file_name(name: str) -> str:
    """Return the end of a name, which distinguishes files, short enough for an image."""
    is_short = len(name) <= _MAX_FILE_NAME_LENGTH
    return _as_plain_text(name if is_short else "…" + name[1 - _MAX_FILE_NAME_LENGTH :])


def _as_plain_text(name: str) -> str:
    """Return a name that Matplotlib can draw in one line.

    A name from a file system may have bytes that are not text. Fonts cannot draw these.
    """
    return name.encode(errors="replace").decode().replace("\n", " ")


def format_percent(confidence: float) -> str:
    """Return a probability as a percentage that never rounds up to certainty."""
    percent = f"{confidence:.0%}"
    return ">99%" if percent == "100%" and confidence < 1 else percent
