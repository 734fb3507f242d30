"""Draw curves over freeze depth: scores, their spread, the best of them, and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._panels import QUIET, tidy

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

# A linear axis would flatten costs that differ by more than this factor.
_MAX_LINEAR_RATIO = 100
_MAX_NAME_LENGTH = 22


class Cost(NamedTuple):
    """A cost of fits: its column in a curve, and the title of its panel."""

    column: str
    title: str


COSTS = {
    "seconds": Cost("mean_fit_time", "seconds per fit"),
    "parameters": Cost("n_trainable_params", "trainable parameters"),
}


def draw_lines(
    panel: Axes,
    column: str,
    curves: Sequence[pandas.DataFrame],
    places: Sequence[pandas.Series],
    styles: Sequence[Mapping[str, Any]],
) -> list[Line2D]:
    """Draw one column of each curve against its places."""
    return [
        line
        for curve, place, style in zip(curves, places, styles, strict=True)
        for line in panel.plot(place, curve[column], **style)
    ]


def draw_spread(
    panel: Axes,
    method: str,
    curves: Sequence[pandas.DataFrame],
    places: Sequence[pandas.Series],
    lines: Sequence[Line2D],
    style: Mapping[str, Any],
) -> list[Any]:
    """Draw one standard deviation around each curve of scores, just below its line.

    Parameters
    ----------
    panel : matplotlib Axes
        The panel of scores.
    method : {"errorbar", "fill_between"}
        How to draw it.
    curves, places, lines : list of pandas.DataFrame, pandas.Series and matplotlib Line2D
        The curves, the places of their points, and their lines.
    style : dict
        Style that overrides the default.

    Returns
    -------
    list of matplotlib ErrorbarContainer or PolyCollection
        One for each curve.
    """
    spread: list[Any] = []
    for curve, place, line in zip(curves, places, lines, strict=True):
        mean, std = curve["mean_test_score"], curve["std_test_score"]
        base: dict[str, Any] = {"color": line.get_color(), "zorder": line.get_zorder() - 0.1}
        if method == "errorbar":
            base |= {"linestyle": "none", "capsize": 3, **style}
            spread.append(panel.errorbar(place, mean, std, **base))
        else:
            base |= {"alpha": 0.2, "linewidth": 0, **style}
            spread.append(panel.fill_between(place, mean - std, mean + std, **base))
    return spread


def draw_best(
    panel: Axes, curves: Sequence[pandas.DataFrame], places: Sequence[pandas.Series]
) -> Line2D:
    """Draw a ring around the best score of the last round, labelled with its freeze point."""
    last = max(curve["iter"].max() for curve in curves)
    scores = [curve["mean_test_score"].where(curve["iter"] == last) for curve in curves]
    number = int(np.nanargmax([score.max() for score in scores]))
    row = scores[number].idxmax()
    score, point = curves[number].loc[row, ["mean_test_score", "freeze_point"]]
    frozen = "nothing frozen" if point == "nothing" else f"frozen up to {point}"
    (ring,) = panel.plot(
        places[number][row],
        score,
        linestyle="none",
        marker="o",
        markersize=13,
        markerfacecolor="none",
        markeredgecolor=QUIET,
        markeredgewidth=1.5,
        label=f"best: {score:.3f}, {frozen}",
    )
    return ring


def draw_cost(
    panel: Axes,
    cost: str,
    curves: Sequence[pandas.DataFrame],
    places: Sequence[pandas.Series],
    styles: Sequence[Mapping[str, Any]],
) -> list[Line2D]:
    """Draw a cost of each curve, on a logarithmic axis if costs differ much."""
    from matplotlib.ticker import EngFormatter

    column, title = COSTS[cost]
    lines = draw_lines(panel, column, curves, places, styles)
    values = np.concatenate([curve[column] for curve in curves])
    least, most = np.nanmin(values), np.nanmax(values)
    if least > 0 and most > _MAX_LINEAR_RATIO * least:
        panel.set_yscale("log")
        panel.margins(y=0.15)
    else:
        panel.set_ylim(0, 1.15 * most if most else 1)
    panel.yaxis.set_major_formatter(EngFormatter(sep=""))
    panel.set_title(title, loc="left", size="medium")
    return lines


def label_panels(
    panels: Any,
    legend_lines: Sequence[Line2D],
    place_names: Mapping[float, str],
    place_label: str,
) -> None:
    """Write the legend above the first panel, and names of freeze points below the last."""
    for panel in panels:
        tidy(panel)
    for panel in panels[:-1]:
        panel.tick_params(axis="x", bottom=False)
    panels[0].legend(
        handles=list(legend_lines),
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2 if len(legend_lines) < 7 else 3,
        frameon=False,
        borderaxespad=0,
    )
    names = [_shorten_start(name) for name in place_names.values()]
    crowded = len(names) > 6 or sum(map(len, names)) > 50
    panels[-1].set_xticks(
        list(place_names),
        names,
        rotation=40 if crowded else 0,
        ha="right" if crowded else "center",
        rotation_mode="anchor" if crowded else "default",
    )
    panels[-1].set_xlabel(place_label)


def _shorten_start(name: str) -> str:
    """Return the end of a long name, where names of layers differ."""
    return name if len(name) <= _MAX_NAME_LENGTH else f"…{name[1 - _MAX_NAME_LENGTH :]}"
