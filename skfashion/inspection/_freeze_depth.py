"""FreezeDepthDisplay: scores and costs of a search over freeze depth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._messages import unknown_name_message
from ..model_selection._search_frame import describe_search
from ._depth_axis import DepthAxis
from ._freeze_curves import make_curves
from ._freeze_marks import find_marked_points, find_scratch_score
from ._freeze_panels import (
    check_panels,
    check_requirements,
    draw_cost,
    draw_lines,
    draw_rings,
    draw_scratch_line,
    draw_spread,
    known_costs,
    label_panels,
    make_depth_panels,
    places_side_by_side,
)
from ._freeze_search import make_freeze_search, score_name
from ._panels import COLORS, MARKERS, merge_style

if TYPE_CHECKING:
    import pandas

    from ._panels import AxesLike

_REDUCTIONS = ("best", "mean")


class FreezeDepthDisplay:
    """Scores against the freeze point, with their spread over folds, and the cost of fits.

    It is recommended to use :meth:`from_search` or :meth:`from_estimator`. All parameters are
    stored as attributes.

    Parameters
    ----------
    curves : dict of str to pandas.DataFrame
        One frame per curve, by the curve's name, with one row per freeze point: "place" on the
        axis of depth, "freeze_point" (or "nothing"), "mean_test_score", "std_test_score",
        "mean_fit_time" in seconds, "n_trainable_params", and "iter", the round of a halving
        search.
    place_names : dict of float to str
        Names of the ticks on the axis of depth, by position.
    place_label : str, default="frozen up to"
        Label of the axis of depth.
    score_name : str, default="score"
        Name of the score.
    n_splits : int, default=None
        Number of folds; `None` if unknown.
    scratch_score : float, default=None
        Score without pretraining and frozen layers; `None` if unknown.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The panel of scores.
    axes_ : ndarray of matplotlib Axes, of shape (n_panels,)
        The panel of scores, then those of costs.
    figure_ : matplotlib Figure
        The figure that contains the panels.
    lines_ : list of matplotlib Line2D
        The curves of scores.
    errorbars_ : list of matplotlib ErrorbarContainer or None
        Their spread, with ``std_display_style="errorbar"``.
    fill_between_ : list of matplotlib PolyCollection or None
        Their spread, with ``std_display_style="fill_between"``.
    best_ : matplotlib Line2D
        The ring around the best score.
    cheapest_ : matplotlib Line2D or None
        The square around the point with the fewest trainable parameters within one standard
        deviation of the best, or with the shortest mean fit time if a number of parameters is
        unknown; `None` if it is the best.
    scratch_line_ : matplotlib Line2D or None
        The line at the score from scratch.
    cost_lines_ : dict of str to list of matplotlib Line2D
        The curves of each cost.

    See Also
    --------
    skfashion.model_selection.search_frame : The same results as a table.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import FreezeDepthDisplay
    >>> from skfashion.model_selection import ClassSplitCV, freeze_points
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> source = [5, 6, 7, 8, 9]
    >>> clf = TransferClassifier(pretrain_classes=source, pretrain_epochs=1, epochs=1)
    >>> grid = {"freeze_until": freeze_points("small_cnn")}
    >>> cv = ClassSplitCV(2, pretrain_classes=source)
    >>> search = GridSearchCV(clf, grid, cv=cv).fit(X[:100], y[:100])
    >>> display = FreezeDepthDisplay.from_search(search)
    >>> list(display.place_names.values())
    ['nothing', 'conv1', 'features']
    """

    def __init__(
        self,
        *,
        curves: Mapping[str, pandas.DataFrame],
        place_names: Mapping[float, str],
        place_label: str = "frozen up to",
        score_name: str = "score",
        n_splits: int | None = None,
        scratch_score: float | None = None,
    ) -> None:
        self.curves = curves
        self.place_names = place_names
        self.place_label = place_label
        self.score_name = score_name
        self.n_splits = n_splits
        self.scratch_score = scratch_score

    @classmethod
    def from_search(
        cls,
        search: BaseEstimator,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        *,
        by: str | Sequence[str] | None = None,
        over: str = "best",
        ax: AxesLike | None = None,
        costs: Sequence[str] = ("seconds", "parameters"),
        std_display_style: str | None = "errorbar",
        line_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> FreezeDepthDisplay:
        """Show the results of a search.

        For a halving search each freeze point shows the last round that it reached, and the best
        score is taken from the last round of the search. Candidates that could not be fitted are
        left out.

        Parameters
        ----------
        search : estimator
            A fitted `GridSearchCV`, `RandomizedSearchCV` or halving search over a
            `TransferClassifier`, alone or at the end of a pipeline, with `freeze_until` among its
            parameters. Other parameters may also vary.
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,), default=None
            Images, flat rows or paths of files, to count parameters. A search with ``refit=True``
            needs none.
        y : array-like of shape (n,), default=None
            Labels, for the same purpose.
        by : str or list of str, default=None
            Parameters that distinguish curves, by their names in `search_frame`. By default
            "backbone" and "pretrain_classes", if they vary.
        over : {"best", "mean"}, default="best"
            Reduction of candidates of one curve and freeze point that differ in other parameters:
            the candidate with the best score, or the mean over all, spreads included.
        ax : matplotlib Axes or array-like of Axes of shape (n_panels,), default=None
            Axes to draw in: one that all panels share, or one per panel, that of scores first. By
            default a new figure.
        costs : sequence of {"seconds", "parameters"}, default=("seconds", "parameters")
            Costs below the scores: seconds per fit, trainable parameters, both or neither. Unknown
            costs have no panel.
        std_display_style : {"errorbar", "fill_between"} or None, default="errorbar"
            Style of the spread of scores: one standard deviation over the folds, up and down.
        line_kw : dict, default=None
            Style of all curves, for :meth:`matplotlib.axes.Axes.plot`.
        errorbar_kw : dict, default=None
            Style of the spread, for :meth:`matplotlib.axes.Axes.errorbar`.
        fill_between_kw : dict, default=None
            Style of the spread, for :meth:`matplotlib.axes.Axes.fill_between`.

        Returns
        -------
        display : FreezeDepthDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib or pandas is not installed; the extra `plot` installs both.
        ValueError
            If no candidate has a score and a freeze point, or `by` or `over` are unknown.

        Examples
        --------
        See :class:`FreezeDepthDisplay`.
        """
        check_requirements(f"{cls.__name__}.from_search")
        if over not in _REDUCTIONS:
            raise ValueError(unknown_name_message("over", over, _REDUCTIONS))
        frame = describe_search(search, X, y)
        frame = frame[frame["mean_test_score"].notna() & frame["depth"].notna()]
        if not len(frame):
            raise ValueError(
                "No candidate of the search has a score and a freeze point, so there is nothing to "
                'show. Fit the search with error_score="raise" to see why.'
            )
        axis = DepthAxis.of_search(search, frame)
        frame, place_names = axis.place_candidates(frame)
        display = cls(
            curves=make_curves(frame, by, over),
            place_names=place_names,
            place_label=axis.label,
            score_name=score_name(search),
            n_splits=search.n_splits_,
            scratch_score=find_scratch_score(search, frame),
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
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        freeze_until: Iterable[str | int | None] | None = None,
        cv: Any = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        ax: AxesLike | None = None,
        costs: Sequence[str] = ("seconds", "parameters"),
        std_display_style: str | None = "errorbar",
        line_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> FreezeDepthDisplay:
        """Fit an estimator with each freeze point, and show the results.

        Parameters
        ----------
        estimator : TransferClassifier
            The estimator, alone or at the end of a pipeline. Clones of it are fitted.
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images, flat rows, or n paths of files or images of any size.
        y : array-like of shape (n,)
            Labels of both tasks.
        freeze_until : list of str, int or None, default=None
            Freeze points. By default nothing, each stage up to `body_until`, and the whole body.
        cv : int, cross-validator or iterable, default=None
            Splitter, as in `GridSearchCV`. A number of folds (`None` for 5) gives stratified folds.
            With a class split and a number of folds, only the target rows are split, and all others
            are training rows. Other splitters are used unchanged: wrap them in `ClassSplitCV`.
        scoring : str or callable, default=None
            Scorer, as in `GridSearchCV`. By default accuracy on the target task.
        n_jobs : int, default=None
            Number of parallel jobs, as in `GridSearchCV`.
        ax : matplotlib Axes or array-like of Axes of shape (n_panels,), default=None
            Axes to draw in: one that all panels share, or one per panel, that of scores first. By
            default a new figure.
        costs : sequence of {"seconds", "parameters"}, default=("seconds", "parameters")
            Costs below the scores: seconds per fit, trainable parameters, both or neither. Unknown
            costs have no panel.
        std_display_style : {"errorbar", "fill_between"} or None, default="errorbar"
            Style of the spread of scores: one standard deviation over the folds, up and down.
        line_kw : dict, default=None
            Style of all curves, for :meth:`matplotlib.axes.Axes.plot`.
        errorbar_kw : dict, default=None
            Style of the spread, for :meth:`matplotlib.axes.Axes.errorbar`.
        fill_between_kw : dict, default=None
            Style of the spread, for :meth:`matplotlib.axes.Axes.fill_between`.

        Returns
        -------
        display : FreezeDepthDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib or pandas is not installed; the extra `plot` installs both.
        TypeError
            If there is no `TransferClassifier`.
        ValueError
            If `costs` or `std_display_style` are unknown.

        Examples
        --------
        >>> from skfashion import TransferClassifier
        >>> from skfashion.datasets import load_fashion_sample
        >>> from skfashion.inspection import FreezeDepthDisplay
        >>> X, y = load_fashion_sample(return_X_y=True)
        >>> source = [5, 6, 7, 8, 9]
        >>> clf = TransferClassifier(pretrain_classes=source, pretrain_epochs=1, epochs=1)
        >>> FreezeDepthDisplay.from_estimator(
        ...     clf, X[:100], y[:100], freeze_until=[0, "features"], cv=2
        ... )
        <...>
        """
        # Fits take minutes, so requirements of the display are checked first.
        check_requirements(f"{cls.__name__}.from_estimator")
        check_panels(costs, std_display_style)
        search = make_freeze_search(estimator, freeze_until, cv, scoring, n_jobs).fit(X, y)
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
        ax: AxesLike | None = None,
        *,
        costs: Sequence[str] = ("seconds", "parameters"),
        std_display_style: str | None = "errorbar",
        line_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> FreezeDepthDisplay:
        """Draw scores against freeze points, and costs below them.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes of shape (n_panels,), default=None
            Axes to draw in: one that all panels share, or one per panel, that of scores first. By
            default a new figure.
        costs : sequence of {"seconds", "parameters"}, default=("seconds", "parameters")
            Costs below the scores: seconds per fit, trainable parameters, both or neither. Unknown
            costs have no panel.
        std_display_style : {"errorbar", "fill_between"} or None, default="errorbar"
            Style of the spread of scores: one standard deviation over the folds, up and down.
        line_kw : dict, default=None
            Style of all curves, for :meth:`matplotlib.axes.Axes.plot`.
        errorbar_kw : dict, default=None
            Style of the spread, for :meth:`matplotlib.axes.Axes.errorbar`.
        fill_between_kw : dict, default=None
            Style of the spread, for :meth:`matplotlib.axes.Axes.fill_between`.

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
        check_panels(costs, std_display_style)
        costs = known_costs(costs, self.curves.values())
        curves = list(self.curves.values())
        places, marked = places_side_by_side(curves), find_marked_points(curves)
        labels = [*self.curves, *marked, *([] if self.scratch_score is None else ["from scratch"])]
        names = list(self.place_names.values())
        self.axes_ = make_depth_panels(ax, len(costs), labels, names)
        self.ax_ = self.axes_[0]
        self.figure_ = self.ax_.get_figure()
        styles = [
            merge_style({"color": color, "marker": marker, "markersize": 5}, line_kw)
            for _, color, marker in zip(curves, cycle(COLORS), cycle(MARKERS), strict=False)
        ]
        self.lines_ = draw_lines(self.ax_, "mean_test_score", curves, places, styles)
        for line, name in zip(self.lines_, self.curves, strict=True):
            line.set_label(name)
        kw = errorbar_kw if std_display_style == "errorbar" else fill_between_kw
        spread = []
        if std_display_style is not None and self.n_splits != 1:
            spread = draw_spread(self.ax_, std_display_style, curves, places, self.lines_, kw or {})
        self.errorbars_ = spread if std_display_style == "errorbar" else None
        self.fill_between_ = spread if std_display_style == "fill_between" else None
        rings = draw_rings(self.ax_, marked, curves, places)
        self.best_, self.cheapest_ = rings[0], rings[1] if len(rings) > 1 else None
        self.scratch_line_ = draw_scratch_line(self.ax_, self.scratch_score)
        self.cost_lines_ = {
            cost: draw_cost(panel, cost, curves, places, styles)
            for panel, cost in zip(self.axes_[1:], costs, strict=True)
        }
        folds = {None: "", 1: ", 1 fold"}.get(self.n_splits, f", {self.n_splits} folds")
        self.ax_.set_ylabel(f"{self.score_name}{folds}")
        lines = [*self.lines_, *rings, *filter(None, [self.scratch_line_])]
        label_panels(self.axes_, lines, self.place_names, self.place_label)
        return self
