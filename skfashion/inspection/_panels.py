"""Panels of displays, in a new figure or in given Axes, and their colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    AxesLike: TypeAlias = Axes | Sequence[Axes] | np.ndarray

# The colours of Okabe and Ito, which colour-blind readers can distinguish; the strongest first.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v")
QUIET = "0.45"


def make_panels(
    ax: AxesLike | None,
    shape: tuple[int, int],
    *,
    figsize: tuple[float, float],
    height_ratios: Sequence[float] | None = None,
    sharex: bool = False,
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
            return _divide(ax, shape, height_ratios, sharex)
        ax = [ax]
    given = np.asarray(ax, dtype=object).ravel()
    if len(given) != n_panels:
        raise ValueError(
            f"ax must be one matplotlib Axes or as many as there are panels, {n_panels}, got "
            f"{len(given)}."
        )
    return given.reshape(shape)


def _divide(
    ax: Axes, shape: tuple[int, int], height_ratios: Sequence[float] | None, sharex: bool
) -> np.ndarray:
    """Switch off an Axes and fill its space with panels."""
    if not ax.axison:
        raise ValueError(
            "ax bounds the panels of another display already. Pass ax=display.axes_ to draw into "
            "these, or other axes."
        )
    ax.set_axis_off()
    figure: Any = ax.get_figure()
    spec: Any = ax.get_subplotspec()
    if spec is None:
        left, bottom, right, top = ax.get_position().extents
        spec = figure.add_gridspec(1, 1, left=left, bottom=bottom, right=right, top=top)[0]
    grid = spec.subgridspec(*shape, height_ratios=height_ratios)
    panels: Any = np.empty(shape, dtype=object)
    for row, column in np.ndindex(*shape):
        above = panels[0, column] if sharex and row else None
        panels[row, column] = figure.add_subplot(grid[row, column], sharex=above)
        if sharex and row < shape[0] - 1:
            panels[row, column].tick_params(axis="x", labelbottom=False)
    return panels


def tidy(panel: Axes) -> None:
    """Remove the top and right borders of a panel, and draw a faint horizontal grid."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color="0.9", linewidth=0.8)
    panel.set_axisbelow(True)
