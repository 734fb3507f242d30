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
        switched off and its space divided among the panels.
    shape : tuple of (int, int)
        Rows and columns.
    figsize : tuple of (float, float)
        Width and height of a new figure, in inches.
    height_ratios : list of float, optional
        Relative heights of the rows.
    sharex : bool, default=False
        Whether the panels of a column share one x axis.
    spacing : Spacing, optional
        Space for text in a single Axes that is divided. Layout engines find it themselves.

    Returns
    -------
    ndarray of matplotlib Axes, of shape `shape`
        The panels.

    Raises
    ------
    ValueError
        If the numbers of Axes and panels differ, or a single one was divided before.
    """
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

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
    if isinstance(ax, Axes):
        if n_panels > 1:
            return _divide(ax, shape, height_ratios, sharex, spacing)
        ax = [ax]
    given = np.asarray(ax, dtype=object).ravel()
    if len(given) != n_panels:
        raise ValueError(
            f"ax must be one matplotlib Axes, or {n_panels}, one for each panel, got {len(given)}. "
            "Pass one, which is divided."
        )
    return given.reshape(shape)


def _divide(
    ax: Axes,
    shape: tuple[int, int],
    height_ratios: Sequence[float] | None,
    sharex: bool,
    spacing: Spacing,
) -> np.ndarray:
    """Switch off an Axes and fill its space with panels."""
    if not ax.axison:
        raise ValueError(
            "ax must not hold the panels of another display, got such Axes. Pass that display's "
            "`axes_` to draw into its panels, or a new Axes."
        )
    ax.set_axis_off()
    figure: Any = ax.get_figure()
    spec: Any = ax.get_subplotspec()
    if spec is None:
        left, bottom, right, top = ax.get_position().extents
        spec = figure.add_gridspec(1, 1, left=left, bottom=bottom, right=right, top=top)[0]
    if figure.get_layout_engine() is None and any(spacing):
        heights = _row_heights(size_in_points(ax)[1], shape[0], height_ratios, spacing)
        grid = spec.subgridspec(len(heights), shape[1], height_ratios=heights, hspace=0)
        first, step = 1, 2
    else:
        grid = spec.subgridspec(*shape, height_ratios=height_ratios)
        first, step = 0, 1
    panels: Any = np.empty(shape, dtype=object)
    for row, column in np.ndindex(*shape):
        above = panels[0, column] if sharex and row else None
        panels[row, column] = figure.add_subplot(grid[first + step * row, column], sharex=above)
        if sharex and row < shape[0] - 1:
            panels[row, column].tick_params(axis="x", labelbottom=False)
    return panels


def _row_heights(
    height: float, n_rows: int, ratios: Sequence[float] | None, spacing: Spacing
) -> list[float]:
    """Return the heights of spaces and panels in turn, from above, in points."""
    spaces = [spacing.above, *[spacing.between] * (n_rows - 1), spacing.below]
    scale = min(1.0, _MOST_SPACING * height / sum(spaces))
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
