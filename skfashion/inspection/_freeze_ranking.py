"""FreezeRankingDisplay: probes and gradient ratios of freeze points, before a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ..model_selection import rank_freeze_points
from ._freeze_panels import check_requirements, label_panels, legend_and_titles
from ._panels import (
    COLORS,
    MARKERS,
    font_size,
    line_length,
    make_panels,
    merge_style,
    shorten_middle,
)

if TYPE_CHECKING:
    import pandas

    from .._estimators.transfer_classifier import TransferClassifier
    from ._panels import AxesLike

_PROBE, _RECOMMENDED = "linear probe", "recommended for a search"
_CIRCLES = {
    "color": COLORS[1],
    "linestyle": "none",
    "marker": "o",
    "markersize": 11,
    "fillstyle": "none",
}


class FreezeRankingDisplay:
    """Accuracy of probes, and ratios of gradient to weights, against the freeze point.

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    ranking : pandas.DataFrame
        The freeze points, as `rank_freeze_points` returns them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The panel of probes.
    axes_ : ndarray of matplotlib Axes, of shape (2,)
        The panels of probes and of ratios.
    figure_ : matplotlib Figure
        The figure that contains the panels.
    line_ : matplotlib Line2D
        The accuracy of the probes.
    errorbar_ : matplotlib ErrorbarContainer
        One standard deviation over the folds, up and down.
    recommended_line_ : matplotlib Line2D
        Circles around the points that are recommended for a search.
    ratio_line_ : matplotlib Line2D
        The ratios.

    See Also
    --------
    skfashion.model_selection.rank_freeze_points : The same as a table.
    FreezeDepthDisplay : The scores of fits.

    Examples
    --------
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import FreezeRankingDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> clf = TransferClassifier(pretrain_classes=[5, 6, 7, 8, 9], pretrain_epochs=1)
    >>> FreezeRankingDisplay.from_estimator(clf, X[:200], y[:200])
    <...>
    """

    def __init__(self, *, ranking: pandas.DataFrame) -> None:
        self.ranking = ranking

    @classmethod
    def from_estimator(
        cls,
        estimator: TransferClassifier,
        X: ArrayLike,
        y: ArrayLike,
        *,
        cv: Any = 3,
        ax: AxesLike | None = None,
        line_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
    ) -> FreezeRankingDisplay:
        """Measure the freeze points of an estimator, and show them.

        Parameters
        ----------
        estimator : TransferClassifier
            The estimator. It is not changed.
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images, flat rows, or n paths of files or images of any size.
        y : array-like of shape (n,)
            Labels of both tasks.
        cv : int, cross-validator or iterable, default=3
            Folds of the target rows for the probes.
        ax : matplotlib Axes or array-like of Axes of shape (2,), default=None
            Axes to draw in: one that both panels share, or the panels of probes and of ratios. By
            default a new figure.
        line_kw : dict, default=None
            Style of both curves, for :meth:`matplotlib.axes.Axes.plot`.
        errorbar_kw : dict, default=None
            Style of the spread, for :meth:`matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        display : FreezeRankingDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib or pandas is not installed; the extra `plot` installs both.
        TypeError
            If the estimator is no `TransferClassifier`.
        ValueError
            If parameters, data and folds do not fit together.

        Examples
        --------
        See :class:`FreezeRankingDisplay`.
        """
        check_requirements(f"{cls.__name__}.from_estimator")
        display = cls(ranking=rank_freeze_points(estimator, X, y, cv=cv))
        return display.plot(ax, line_kw=line_kw, errorbar_kw=errorbar_kw)

    def plot(
        self,
        ax: AxesLike | None = None,
        *,
        line_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
    ) -> FreezeRankingDisplay:
        """Draw probes against freeze points, and ratios below them.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes of shape (2,), default=None
            Axes to draw in: one that both panels share, or the panels of probes and of ratios. By
            default a new figure.
        line_kw : dict, default=None
            Style of both curves, for :meth:`matplotlib.axes.Axes.plot`.
        errorbar_kw : dict, default=None
            Style of the spread, for :meth:`matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        display : FreezeRankingDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        ranking = self.ranking
        places = range(len(ranking))
        points = ("nothing" if point == 0 else str(point) for point in ranking["freeze_until"])
        names = {float(place): name for place, name in zip(places, points, strict=True)}
        figsize = 8.0 if len(ranking) > 8 else 6.4, 4.8
        panels = make_panels(
            ax,
            (2, 1),
            figsize=figsize,
            height_ratios=[2.0, 1.0],
            sharex=True,
            spacing=legend_and_titles(ax, [_PROBE, _RECOMMENDED], list(names.values())),
        )
        self.axes_ = panels.ravel()
        self.ax_, lower = self.axes_
        self.figure_ = self.ax_.get_figure()
        style = merge_style({"color": COLORS[0], "marker": MARKERS[0], "markersize": 5}, line_kw)
        mean, std = ranking["mean_probe_score"], ranking["std_probe_score"]
        (self.line_,) = self.ax_.plot(places, mean, label=_PROBE, **style)
        base = {"color": self.line_.get_color(), "linestyle": "none", "capsize": 3}
        self.errorbar_ = self.ax_.errorbar(places, mean, std, **merge_style(base, errorbar_kw))
        # Nothing frozen has no probe, so its circle is at the bottom.
        heights = mean.fillna(mean.min())[ranking["recommended"]]
        (self.recommended_line_,) = self.ax_.plot(
            np.flatnonzero(ranking["recommended"]), heights, label=_RECOMMENDED, **_CIRCLES
        )
        (self.ratio_line_,) = lower.plot(places, ranking["gradient_ratio"], **style)
        self.ax_.set_ylabel("accuracy")
        title = "gradient / weights of the last frozen stage"
        size = font_size(lower)
        lower.set_title(shorten_middle(title, line_length(lower)), loc="left", size=size)
        lower.set_ylim(bottom=0)
        lines = [self.line_, self.recommended_line_]
        label_panels(self.axes_, lines, names, "frozen up to")
        return self
