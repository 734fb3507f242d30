"""Where displays draw: a figure of their own, or room that the user gives; and their colours."""

from typing import Any

import numpy as np

# Okabe and Ito's colours, which the colour-blind can tell apart, the strongest first.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v")
QUIET = "0.45"


def make_panels(ax, shape, *, figsize, height_ratios=None, sharex=False) -> np.ndarray:
    """Return axes in rows and columns.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes, or None
        `None` makes a figure. A single one bounds the panels, and is itself switched off, unless
        there is only one panel. Several are the panels.
    shape : tuple of (int, int)
        Rows and columns.
    figsize : tuple of (float, float)
        Width and height of a new figure, in inches.
    height_ratios : list of float, optional
        Heights of rows, as shares.
    sharex : bool, default=False
        Whether the panels of a column have one x axis.

    Returns
    -------
    ndarray of Axes, of this shape

    Raises
    ------
    ValueError
        If there are not as many axes as panels, or the single one bounds other panels already.
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


def _divide(ax, shape, height_ratios, sharex):
    """Put panels into the room of one axes."""
    if not ax.axison:
        raise ValueError(
            "ax bounds the panels of another display already. Pass ax=display.axes_ to draw into "
            "these, or other axes."
        )
    ax.set_axis_off()
    figure, spec = ax.get_figure(), ax.get_subplotspec()
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


def tidy(panel) -> None:
    """Leave out the lines around a panel that say nothing, and lay a faint grid behind it."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color="0.9", linewidth=0.8)
    panel.set_axisbelow(True)
