"""Draw curves over freeze depth: scores, their spread, rings around points, and costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._messages import unknown_name_message
from ..model_selection._search_frame import import_pandas
from ._freeze_marks import Point
from ._panels import (
    CHARACTER_WIDTH,
    NO_SPACING,
    QUIET,
    Spacing,
    font_size,
    is_single,
    line_length,
    make_panels,
    merge_style,
    size_in_points,
    tidy,
    wrap_text,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from ._panels import AxesLike

# A linear axis would flatten costs that differ by more than this factor.
_MAX_LINEAR_RATIO = 100
_MAX_NAME_LENGTH = 22
_LINE = 1.6  # height of a line, as a multiple of the font's size
_LEGEND_HANDLE = 40  # points
_ROTATED_NAMES = 40  # points


def check_requirements(caller: str) -> None:
    """Check that matplotlib and pandas are installed, before anything is fitted."""
    check_matplotlib_support(caller)
    import_pandas(caller)


class Cost(NamedTuple):
    """A cost of fits: its column in a curve, and the title of its panel."""

    column: str
    title: str


SPREADS = ("errorbar", "fill_between")
COSTS = {
    "seconds": Cost("mean_fit_time", "seconds per fit"),
    "parameters": Cost("n_trainable_params", "trainable parameters"),
}


def check_panels(costs: Sequence[str], std_display_style: str | None) -> None:
    """Check the options that decide what is drawn.

    Raises
    ------
    ValueError
        If one of them is unknown, or `costs` is a single name.
    """
    if isinstance(costs, str):
        raise ValueError(f"costs must be a sequence of names, got {costs!r}. Pass [{costs!r}].")
    for cost in costs:
        if cost not in COSTS:
            raise ValueError(unknown_name_message("costs", cost, COSTS))
    if std_display_style is not None and std_display_style not in SPREADS:
        raise ValueError(unknown_name_message("std_display_style", std_display_style, SPREADS))


def known_costs(costs: Sequence[str], curves: Iterable[pandas.DataFrame]) -> list[str]:
    """Return the costs with at least one known value."""
    frames = list(curves)
    return [
        cost for cost in costs if any(each[COSTS[cost].column].notna().any() for each in frames)
    ]


def make_depth_panels(
    ax: AxesLike | None, n_costs: int, labels: Sequence[str], names: Sequence[str]
) -> np.ndarray:
    """Return a panel for scores and a lower one for each cost.

    A new figure has space for a legend with these labels. A single Axes also has space for the
    names of freeze points.
    """
    heights = [3.0, *[1.0] * n_costs]
    panels = make_panels(
        ax,
        (len(heights), 1),
        figsize=(8.0 if len(names) > 8 else 6.4, 3.2 + 1.2 * n_costs),
        height_ratios=heights,
        sharex=True,
        spacing=legend_and_titles(ax, labels, names),
    ).ravel()
    if ax is None:
        figure = panels[0].get_figure()
        figure.set_figheight(figure.get_figheight() + _legend_height(panels[0], labels) / 72)
    return panels


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
            base |= {"linestyle": "none", "capsize": 3}
            spread.append(panel.errorbar(place, mean, std, **merge_style(base, style)))
        else:
            base |= {"alpha": 0.2, "linewidth": 0}
            band = merge_style(base, style)
            spread.append(panel.fill_between(place, mean - std, mean + std, **band))
    return spread


def draw_scratch_line(panel: Axes, score: float | None) -> Line2D | None:
    """Draw a line at the score from scratch, if it is known."""
    if score is None:
        return None
    return panel.axhline(score, color=QUIET, linestyle="--", label=f"from scratch: {score:.3f}")


def draw_rings(
    panel: Axes,
    points: Mapping[str, Point],
    curves: Sequence[pandas.DataFrame],
    places: Sequence[pandas.Series],
) -> list[Line2D]:
    """Draw a ring or a square around points of the curves, by their labels."""
    return [
        panel.plot(
            places[point.curve][point.row],
            curves[point.curve].loc[point.row, "mean_test_score"],
            linestyle="none",
            marker=marker,
            markersize=13,
            markerfacecolor="none",
            markeredgecolor=QUIET,
            markeredgewidth=1.5,
            label=label,
        )[0]
        for (label, point), marker in zip(points.items(), "os", strict=False)
    ]


def draw_cost(
    panel: Axes,
    cost: str,
    curves: Sequence[pandas.DataFrame],
    places: Sequence[pandas.Series],
    styles: Sequence[Mapping[str, Any]],
) -> list[Line2D]:
    """Draw a cost of each curve, on a logarithmic axis if costs differ much."""
    from matplotlib.ticker import EngFormatter, StrMethodFormatter

    column, title = COSTS[cost]
    lines = draw_lines(panel, column, curves, places, styles)
    values = np.concatenate([curve[column] for curve in curves])
    least, most = np.nanmin(values), np.nanmax(values)
    if least > 0 and most > _MAX_LINEAR_RATIO * least:
        panel.set_yscale("log")
        panel.margins(y=0.15)
    else:
        panel.set_ylim(0, 1.15 * most if most else 1)
    is_time = cost == "seconds"  # "200m" would be read as minutes
    panel.yaxis.set_major_formatter(
        StrMethodFormatter("{x:g}") if is_time else EngFormatter(sep="")
    )
    panel.set_title(title, loc="left", size=font_size(panel))
    return lines


def places_side_by_side(curves: Sequence[pandas.DataFrame]) -> list[pandas.Series]:
    """Return the places of each curve's points, shifted a little so that none hides another."""
    gaps = np.diff(np.unique(np.concatenate([curve["place"] for curve in curves])))
    step = min(0.1, 0.5 / len(curves)) * min(gaps, default=0)
    first = -step * (len(curves) - 1) / 2
    return [curve["place"] + first + number * step for number, curve in enumerate(curves)]


def label_panels(
    panels: Any,
    legend_lines: Sequence[Line2D],
    place_names: Mapping[float, str],
    place_label: str,
) -> None:
    """Write the legend above the first panel, and names of freeze points below each."""
    for panel in panels:
        tidy(panel)
    for panel in panels[:-1]:
        panel.tick_params(axis="x", bottom=False)
    for line in legend_lines:
        line.set_label(_wrap_label(str(line.get_label()), panels[0]))
    legend = panels[0].legend(
        handles=list(legend_lines),
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=_legend_columns(panels[0], [str(line.get_label()) for line in legend_lines]),
        fontsize=font_size(panels[0]),
        frameon=False,
        borderaxespad=0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # Labels of classes may have dollars.
    names = [_shorten_start(name) for name in place_names.values()]
    crowded = _are_crowded(names, panels[-1])
    for panel in panels:
        panel.set_xticks(
            list(place_names),
            names,
            rotation=40 if crowded else 0,
            ha="right" if crowded else "center",
            rotation_mode="anchor" if crowded else "default",
        )
    panels[-1].set_xlabel(place_label)


def legend_and_titles(ax: Any, labels: Sequence[str], names: Sequence[str]) -> Spacing:
    """Return the space of text in a single Axes: a legend, titles, and names of freeze points."""
    if not is_single(ax):
        return NO_SPACING
    below = _ROTATED_NAMES if _are_crowded([*map(_shorten_start, names)], ax) else 0
    return Spacing(_legend_height(ax, labels), _LINE * font_size(ax), below)


def _legend_height(panel: Axes, labels: Sequence[str]) -> float:
    """Return the height of a legend above a panel, in points."""
    wrapped = [_wrap_label(label, panel) for label in labels]
    n_lines = [1 + label.count("\n") for label in wrapped]
    columns = np.array_split(n_lines, _legend_columns(panel, wrapped))
    return _LINE * font_size(panel) * max(map(sum, columns))


def _wrap_label(label: str, ax: Any) -> str:
    return wrap_text(label, line_length(ax, margin=_LEGEND_HANDLE))


def _legend_columns(panel: Axes, labels: Sequence[str]) -> int:
    """Return the number of columns of a legend that fit into the width of a panel."""
    longest = max(len(line) for label in labels for line in label.split("\n"))
    width = _LEGEND_HANDLE + CHARACTER_WIDTH * font_size(panel) * longest
    return max(1, min(2 if len(labels) < 7 else 3, int(size_in_points(panel)[0] / width)))


def _are_crowded(names: Sequence[str], ax: Any) -> bool:
    """Return whether names of freeze points overlap unless they are rotated."""
    return len(names) > 6 or sum(map(len, names)) > min(50, line_length(ax))


def _shorten_start(name: str) -> str:
    """Return the end of a long name, where names of layers differ."""
    return name if len(name) <= _MAX_NAME_LENGTH else f"…{name[1 - _MAX_NAME_LENGTH :]}"
