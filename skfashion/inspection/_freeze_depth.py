"""FreezeDepthDisplay: what a search over freeze depth came to."""

from itertools import cycle

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._messages import unknown_name_message
from ..model_selection import search_frame
from ._freeze_curves import Places, make_curves
from ._freeze_search import score_name, search_freeze_points
from ._panels import COLORS, MARKERS, QUIET, make_panels, tidy

_COSTS = {
    "seconds": ("mean_fit_time", "seconds per fit"),
    "parameters": ("n_trainable_params", "trainable parameters"),
}
_SPREADS = ("errorbar", "fill_between")
# Costs further apart than this would lie on the floor of a linear axis.
_MOST_ON_LINEAR_AXIS = 100
_MOST_LETTERS = 22


class FreezeDepthDisplay:
    """Score against the freeze point, with its spread over folds, and what fits cost.

    It is recommended to use :meth:`from_search` or :meth:`from_estimator`. All parameters are
    stored as attributes.

    Parameters
    ----------
    curves : dict of str to pandas.DataFrame
        By the name of the curve, a row for each freeze point: "place" on the axis of depth,
        "freeze_point" (or "nothing"), "mean_test_score", "std_test_score", "mean_fit_time" in
        seconds, "n_trainable_params", and "iter", the round of a halving search.
    place_names : dict of float to str
        Names of places on the axis of depth.
    place_label : str, default="frozen up to"
        What the axis of depth is called.
    score_name : str, default="score"
        What the score is called.
    n_splits : int, default=None
        Number of folds.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The panel of scores.
    axes_ : ndarray of matplotlib Axes, of shape (n_panels,)
        The panel of scores, then those of costs.
    figure_ : matplotlib Figure
        The figure that they are in.
    lines_ : list of matplotlib Line2D
        The curves of scores.
    errorbars_ : list of matplotlib ErrorbarContainer or None
        Their spread, with ``std_display_style="errorbar"``.
    fill_between_ : list of matplotlib PolyCollection or None
        Their spread, with ``std_display_style="fill_between"``.
    best_ : matplotlib Line2D
        The ring around the best score.
    cost_lines_ : dict of str to list of matplotlib Line2D
        The curves of each cost.

    See Also
    --------
    skfashion.model_selection.search_frame : The same search as a table.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import FreezeDepthDisplay
    >>> from skfashion.model_selection import ClassSplitCV, freeze_points
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> source = [5, 6, 7, 8, 9]
    >>> search = GridSearchCV(
    ...     TransferClassifier(pretrain_classes=source, epochs=1, random_state=0),
    ...     {"freeze_until": freeze_points("small_cnn")},
    ...     cv=ClassSplitCV(2, pretrain_classes=source),
    ... ).fit(X[:500], y[:500])
    >>> display = FreezeDepthDisplay.from_search(search)
    >>> list(display.place_names.values())
    ['nothing', 'conv1', 'features']
    """

    def __init__(
        self,
        *,
        curves,
        place_names,
        place_label="frozen up to",
        score_name="score",
        n_splits=None,
    ):
        self.curves = curves
        self.place_names = place_names
        self.place_label = place_label
        self.score_name = score_name
        self.n_splits = n_splits

    @classmethod
    def from_search(
        cls,
        search,
        X=None,
        y=None,
        *,
        by=None,
        over="best",
        ax=None,
        costs=("seconds", "parameters"),
        std_display_style="errorbar",
        line_kw=None,
        errorbar_kw=None,
        fill_between_kw=None,
    ):
        """Show what a search came to.

        Of a halving search, each freeze point shows the round that it got to, and the best is out
        of the last round.
        Candidates that could not be fitted are left out.

        Parameters
        ----------
        search : estimator
            A fitted `GridSearchCV`, `RandomizedSearchCV` or halving search over a
            `TransferClassifier`, alone or at the end of a pipeline, with `freeze_until` among its
            parameters, and any others.
        X, y : array-like, optional
            Images and labels, to count parameters by; a search with ``refit=True`` does without.
        by : str or list of str, default=None
            What each curve is: a parameter that varies, or several, by their names in
            `search_frame`. `None` for "backbone" and "pretrain_classes", if they vary.
        over : {"best", "mean"}, default="best"
            What is shown where candidates of a curve and freeze point differ in other parameters:
            the one with the best score, or means over all, also of their spreads.
        ax, costs, std_display_style, line_kw, errorbar_kw, fill_between_kw
            As for :meth:`plot`.

        Returns
        -------
        display : FreezeDepthDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If no candidate has a score and a freeze point, or `by` or `over` are unknown.

        Examples
        --------
        See :class:`FreezeDepthDisplay`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_search")
        if over not in ("best", "mean"):
            raise ValueError(unknown_name_message("over", over, ("best", "mean")))
        frame = search_frame(search, X, y)
        frame = frame[frame["mean_test_score"].notna() & frame["depth"].notna()]
        if not len(frame):
            raise ValueError(
                "No candidate of the search has a score and a freeze point, so there is nothing to "
                'show. Fit the search with error_score="raise" to see why.'
            )
        places = Places.of_search(search, frame)
        frame, place_names = places.add_to(frame)
        display = cls(
            curves=make_curves(frame, by, over),
            place_names=place_names,
            place_label=places.label,
            score_name=score_name(search.scoring, search.refit),
            n_splits=search.n_splits_,
        )
        return display.plot(
            ax,
            costs=costs,
            std_display_style=std_display_style,
            line_kw=line_kw,
            errorbar_kw=errorbar_kw,
            fill_between_kw=fill_between_kw,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        freeze_until=None,
        cv=None,
        scoring=None,
        n_jobs=None,
        ax=None,
        costs=("seconds", "parameters"),
        std_display_style="errorbar",
        line_kw=None,
        errorbar_kw=None,
        fill_between_kw=None,
    ):
        """Fit an estimator with each freeze point, and show what these came to.

        Parameters
        ----------
        estimator : TransferClassifier
            What to fit, or a pipeline with one at its end. Clones are fitted.
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images, or flat rows.
        y : array-like of shape (n,)
            Labels of both tasks.
        freeze_until : list, default=None
            Freeze points; `None` for all of `freeze_points`: nothing, each stage, the whole body.
        cv : int, cross-validator or iterable, default=None
            As in `GridSearchCV`. A number, and `None` for 5, makes stratified folds; with a class
            split, of the target rows, with all others in training.
        scoring : str or callable, default=None
            As in `GridSearchCV`; by default accuracy on the target task.
        n_jobs : int, default=None
            As in `GridSearchCV`.
        ax, costs, std_display_style, line_kw, errorbar_kw, fill_between_kw
            As for :meth:`plot`.

        Returns
        -------
        display : FreezeDepthDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If there is no `TransferClassifier`.

        Examples
        --------
        >>> from skfashion import TransferClassifier
        >>> from skfashion.datasets import load_fashion_sample
        >>> from skfashion.inspection import FreezeDepthDisplay
        >>> X, y = load_fashion_sample(return_X_y=True)
        >>> clf = TransferClassifier(pretrain_classes=[5, 6, 7, 8, 9], epochs=1)
        >>> FreezeDepthDisplay.from_estimator(
        ...     clf, X[:500], y[:500], freeze_until=[0, "features"], cv=2
        ... )
        <...>
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        search = search_freeze_points(estimator, freeze_until, cv, scoring, n_jobs).fit(X, y)
        return cls.from_search(
            search,
            X,
            y,
            ax=ax,
            costs=costs,
            std_display_style=std_display_style,
            line_kw=line_kw,
            errorbar_kw=errorbar_kw,
            fill_between_kw=fill_between_kw,
        )

    def plot(
        self,
        ax=None,
        *,
        costs=("seconds", "parameters"),
        std_display_style="errorbar",
        line_kw=None,
        errorbar_kw=None,
        fill_between_kw=None,
    ):
        """Draw scores against freeze points, and costs below them.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Room for all panels, or the panels, that of scores first; by default a new figure.
        costs : list of {"seconds", "parameters"}, default=("seconds", "parameters")
            What to show below the scores: seconds for a fit, trainable parameters, both or
            neither. Parameters that are not known have no panel.
        std_display_style : {"errorbar", "fill_between"} or None, default="errorbar"
            How to show the spread of scores, one standard deviation over the folds each way.
        line_kw : dict, default=None
            Style of all curves, for :meth:`matplotlib.axes.Axes.plot`.
        errorbar_kw, fill_between_kw : dict, default=None
            Style of the spread, for the method of :class:`matplotlib.axes.Axes` of this name.

        Returns
        -------
        display : FreezeDepthDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `costs` or `std_display_style` are unknown.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if std_display_style is not None and std_display_style not in _SPREADS:
            raise ValueError(unknown_name_message("std_display_style", std_display_style, _SPREADS))
        costs = self._known_costs(costs)
        heights = [3.0, *[1.0] * len(costs)]
        figsize = (8.0 if len(self.place_names) > 8 else 6.4, 3.2 + 1.2 * len(costs))
        panels = make_panels(
            ax, (len(heights), 1), figsize=figsize, height_ratios=heights, sharex=True
        )
        self.axes_ = panels.ravel()
        self.ax_ = self.axes_[0]
        self.figure_ = self.ax_.get_figure()
        places = self._places_side_by_side()
        styles = [
            {"color": color, "marker": marker, "markersize": 5, **(line_kw or {})}
            for _, color, marker in zip(self.curves, cycle(COLORS), cycle(MARKERS), strict=False)
        ]
        self._draw_scores(places, styles)
        self._draw_spread(places, std_display_style, errorbar_kw or {}, fill_between_kw or {})
        self._mark_best(places)
        self.cost_lines_ = {
            cost: self._draw_cost(panel, cost, places, styles)
            for panel, cost in zip(self.axes_[1:], costs, strict=True)
        }
        self._label()
        return self

    def _known_costs(self, costs):
        for cost in costs:
            if cost not in _COSTS:
                raise ValueError(unknown_name_message("costs", cost, _COSTS))
        return [
            cost
            for cost in costs
            if any(curve[_COSTS[cost][0]].notna().any() for curve in self.curves.values())
        ]

    def _places_side_by_side(self):
        """Return the places of each curve's points, moved a little so that none hides another."""
        curves = list(self.curves.values())
        gaps = np.diff(np.unique(np.concatenate([curve["place"] for curve in curves])))
        step = min(0.1, 0.5 / len(curves)) * min(gaps, default=0)
        first = -step * (len(curves) - 1) / 2
        return [curve["place"] + first + number * step for number, curve in enumerate(curves)]

    def _draw_scores(self, places, styles):
        self.lines_ = [
            line
            for place, style, (name, curve) in zip(places, styles, self.curves.items(), strict=True)
            for line in self.ax_.plot(place, curve["mean_test_score"], label=name, **style)
        ]

    def _draw_spread(self, places, std_display_style, errorbar_kw, fill_between_kw):
        spread = []
        for place, line, curve in zip(places, self.lines_, self.curves.values(), strict=True):
            if self.n_splits == 1:
                break
            mean, std = curve["mean_test_score"], curve["std_test_score"]
            style = {"color": line.get_color(), "zorder": line.get_zorder() - 0.1}
            if std_display_style == "errorbar":
                style |= {"linestyle": "none", "capsize": 3, **errorbar_kw}
                spread.append(self.ax_.errorbar(place, mean, std, **style))
            elif std_display_style == "fill_between":
                style |= {"alpha": 0.2, "linewidth": 0, **fill_between_kw}
                spread.append(self.ax_.fill_between(place, mean - std, mean + std, **style))
        self.errorbars_ = spread if std_display_style == "errorbar" else None
        self.fill_between_ = spread if std_display_style == "fill_between" else None

    def _mark_best(self, places):
        """Draw a ring around the best score, and name it."""
        curves = list(self.curves.values())
        last = max(curve["iter"].max() for curve in curves)
        scores = [curve["mean_test_score"].where(curve["iter"] == last) for curve in curves]
        number = int(np.nanargmax([score.max() for score in scores]))
        row = scores[number].idxmax()
        score, point = curves[number].loc[row, ["mean_test_score", "freeze_point"]]
        frozen = "nothing frozen" if point == "nothing" else f"frozen up to {point}"
        (self.best_,) = self.ax_.plot(
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

    def _draw_cost(self, panel, cost, places, styles):
        from matplotlib.ticker import EngFormatter

        column, title = _COSTS[cost]
        lines = [
            line
            for place, style, curve in zip(places, styles, self.curves.values(), strict=True)
            for line in panel.plot(place, curve[column], **style)
        ]
        values = np.concatenate([curve[column] for curve in self.curves.values()])
        least, most = np.nanmin(values), np.nanmax(values)
        if least > 0 and most > _MOST_ON_LINEAR_AXIS * least:
            panel.set_yscale("log")
            panel.margins(y=0.15)
        else:
            panel.set_ylim(0, 1.15 * most if most else 1)
        panel.yaxis.set_major_formatter(EngFormatter(sep=""))
        panel.set_title(title, loc="left", size="medium")
        return lines

    def _label(self):
        for panel in self.axes_:
            tidy(panel)
        for panel in self.axes_[:-1]:
            panel.tick_params(axis="x", bottom=False)
        folds = {None: "", 1: ", 1 fold"}.get(self.n_splits, f", {self.n_splits} folds")
        self.ax_.set_ylabel(f"{self.score_name}{folds}")
        self.ax_.legend(
            handles=[*self.lines_, self.best_],
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=2 if len(self.lines_) < 6 else 3,
            frameon=False,
            borderaxespad=0,
        )
        names = [_ending(name) for name in self.place_names.values()]
        crowded = len(names) > 6 or sum(map(len, names)) > 50
        self.axes_[-1].set_xticks(
            list(self.place_names),
            names,
            rotation=40 if crowded else 0,
            ha="right" if crowded else "center",
            rotation_mode="anchor" if crowded else "default",
        )
        self.axes_[-1].set_xlabel(self.place_label)


def _ending(name):
    """Return the end of a long name, which is where those of layers differ."""
    return name if len(name) <= _MOST_LETTERS else f"…{name[1 - _MOST_LETTERS :]}"
