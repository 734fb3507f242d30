"""Panels of displays, in a new figure or in given Axes, and their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from sklearn.utils._plotting import _validate_style_kwargs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    AxesLike: TypeAlias = Axes | Sequence[Axes] | np.ndarray

# The colours of Okabe and Ito, which colour-blind readers can distinguish; the strongest first.
# Grey instead of their black, which dark styles hide.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v")
QUIET = "0.45"
# Average width of a character, as a share of the font's size.
CHARACTER_WIDTH = 0.58
_FONT_SIZE, _SMALL_FONT_SIZE = 10.0, 8.0  # points
_NARROW = 250  # points
# Largest share of an Axes that titles and legends of its panels take.
_MOST_SPACING = 0.6
# Space between two columns of a divided Axes, as a share of a panel's width.
_GAP = 0.2
_PANEL = "panel of a display"
# Label of a text in place of panels.
MESSAGE = "message of a display"


class Spacing(NamedTuple):
    """Space for text in an Axes that is divided, in points.

    Parameters
    ----------
    above, between, below : float, default=0.0
        Space above the first row of panels, between rows, and below the last.
    """

    above: float = 0.0
    between: float = 0.0
    below: float = 0.0


NO_SPACING = Spacing()


def merge_style(default: Mapping[str, Any], style: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a default style with a user's changes, whose names may be matplotlib's short ones."""
    return _validate_style_kwargs(dict(default), dict(style or {}))


def make_panels(
    ax: AxesLike | None,
    shape: tuple[int, int],
    *,
    figsize: tuple[float, float],
    height_ratios: Sequence[float] | None = None,
    sharex: bool = False,
    spacing: Spacing = NO_SPACING,
) -> np.ndarray:
    """Return panels in rows and columns.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes, or None
        `None` makes a figure. Several Axes are the panels. A single Axes is the only panel, or is
        divided by `divide`.
    shape : tuple of (int, int)
        Rows and columns.
    figsize : tuple of (float, float)
        Width and height of a new figure, in inches.
    height_ratios : list of float, optional
        Relative heights of the rows.
    sharex : bool, default=False
        Whether the panels of a column share one x axis.
    spacing : Spacing, optional
        Space for text in a single Axes that is divided.

    Returns
    -------
    ndarray of matplotlib Axes, of shape `shape`
        The panels.

    Raises
    ------
    ValueError
        If the numbers of Axes and panels differ, `ax` is something else, or Axes hold the panels of
        another display, or one that is divided images or curves.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        return plt.subplots(
            *shape,
            figsize=figsize,
            height_ratios=height_ratios,
            sharex="col" if sharex else False,
            squeeze=False,
            layout="constrained",
        )[1]
    n_panels = int(np.prod(shape))
    if is_single(ax) and n_panels > 1:
        return divide(ax, shape, height_ratios=height_ratios, sharex=sharex, spacing=spacing)
    return take_panels(ax, n_panels).reshape(shape)


def is_single(ax: AxesLike | None) -> bool:
    """Return whether this is one Axes, neither several nor `None`."""
    from matplotlib.axes import Axes

    return isinstance(ax, Axes)


def take_panels(ax: AxesLike, n_panels: int, *, or_more: bool = False) -> np.ndarray:
    """Return the Axes given, in two dimensions, without empty panels of other displays.

    Raises
    ------
    ValueError
        If there are not `n_panels`, or more with `or_more`, or one of them is no Axes or holds the
        panels of another display.
    """
    given: np.ndarray = np.atleast_2d(np.asarray(ax, dtype=object))
    others = [each for each in given.flat if not is_single(each)]
    has_right_size = given.size >= n_panels if or_more else given.size == n_panels
    if others or not has_right_size:
        number = f"at least {n_panels}" if or_more else n_panels
        several, divided = f", or {number} of them", ", which is divided"
        if n_panels == 1:
            several = divided = ""
        raise ValueError(
            f"ax must be one matplotlib Axes{several}, got "
            f"{type(others[0]).__name__ if others else given.size}. Pass one{divided}."
        )
    for each in given.flat:
        _remove_empty_panels(each)
    return given


def divide(
    ax: Any,
    shape: tuple[int, int],
    *,
    height_ratios: Sequence[float] | None = None,
    sharex: bool = False,
    spacing: Spacing = NO_SPACING,
) -> np.ndarray:
    """Switch off an Axes and fill its space with panels, which move with it.

    Raises
    ------
    ValueError
        If the Axes holds the panels of another display, images or curves.
    """
    _remove_empty_panels(ax)
    if ax.has_data():
        raise _not_empty()
    ax.set_axis_off()
    n_rows, n_columns = shape
    height = size_in_points(ax)[1]
    heights = np.array(_row_heights(height, n_rows, height_ratios, spacing)) / height
    tops = 1 - np.cumsum(heights)[::2]  # of each panel, below the space above it
    gap = _GAP if n_columns > 1 else 0.0
    width = 1 / (n_columns + gap * (n_columns - 1))
    panels: Any = np.empty(shape, dtype=object)
    for row, column in np.ndindex(*shape):
        panel_height = heights[2 * row + 1]
        panels[row, column] = ax.inset_axes(
            (width * (1 + gap) * column, tops[row] - panel_height, width, panel_height),
            sharex=panels[0, column] if sharex and row else None,
            label=_PANEL,
        )
        if sharex and row < n_rows - 1:
            panels[row, column].tick_params(axis="x", labelbottom=False)
    return panels


def _remove_empty_panels(ax: Any) -> None:
    """Remove panels and message of an earlier display that shows nothing; refuse other panels."""
    panels = [child for child in ax.child_axes if child.get_label() == _PANEL]
    if any(panel.has_data() for panel in panels):
        raise _not_empty()
    empty = [*panels, *(text for text in ax.texts if text.get_label() == MESSAGE)]
    for part in empty:
        part.remove()
    if empty:
        ax.set_axis_on()


def _not_empty() -> ValueError:
    return ValueError(
        "ax must not hold the panels of another display, images or curves, got such Axes. Pass "
        "that display's `axes_` to draw into its panels, call `ax.clear()`, or pass a new Axes."
    )


def _row_heights(
    height: float, n_rows: int, ratios: Sequence[float] | None, spacing: Spacing
) -> list[float]:
    """Return the heights of spaces and panels in turn, from above, in points."""
    spaces = [spacing.above, *[spacing.between] * (n_rows - 1), spacing.below]
    scale = min(1.0, _MOST_SPACING * height / max(sum(spaces), 1.0))
    spaces = [space * scale for space in spaces]
    shares = np.ones(n_rows) if ratios is None else np.asarray(ratios)
    panels = (height - sum(spaces)) * shares / shares.sum()
    pairs = zip(spaces, [*panels.tolist(), 0.0], strict=True)
    return [each for pair in pairs for each in pair][:-1]


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Return width and height of an Axes, in points."""
    extent = ax.get_window_extent()
    figure: Any = ax.get_figure()
    scale = 72 / figure.dpi
    return extent.width * scale, extent.height * scale


def font_size(ax: Axes) -> float:
    """Return the size of titles and legends, in points, which is smaller in a narrow Axes."""
    return _SMALL_FONT_SIZE if size_in_points(ax)[0] < _NARROW else _FONT_SIZE


def line_length(ax: Axes, margin: float = 0.0) -> int:
    """Return the number of characters of a line in an Axes, less a margin in points."""
    return max(int((size_in_points(ax)[0] - margin) / CHARACTER_WIDTH / font_size(ax)), 1)


def wrap_text(text: str, length: int) -> str:
    """Return a text in lines of at most a number of characters."""
    return "\n".join(fill(line, length, break_on_hyphens=False) for line in text.split("\n"))


def shorten_middle(text: str, length: int) -> str:
    """Return a text with an ellipsis in its middle if it is longer than `length`."""
    if len(text) <= length:
        return text
    n_end = max((length - 1) // 2, 1)
    return f"{text[: max(length - 1 - n_end, 1)]}…{text[-n_end:]}"


def tidy(panel: Axes) -> None:
    """Remove the top and right borders of a panel, and draw a faint horizontal grid."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color="0.5", alpha=0.2, linewidth=0.8)
    panel.set_axisbelow(True)
