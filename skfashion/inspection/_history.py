"""HistoryDisplay: both phases of a fit, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._estimators.find_classifier import fitted_classifier
from ._panels import COLORS, QUIET, make_panels, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from ._panels import AxesLike

History = Mapping[str, list[Any]]

_STYLES: dict[str, dict[str, Any]] = {
    "training": {"color": COLORS[0], "marker": "o", "markersize": 4},
    "validation": {"color": COLORS[1], "marker": "s", "markersize": 4, "linestyle": "--"},
}


class HistoryDisplay:
    """Loss and accuracy of a fit, on the source task and then on the target task.

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    history : dict of str to list
        Measures of the target task, one number per epoch: "loss" and "accuracy", and with
        validation data "val_loss" and "val_accuracy"; as `TransferClassifier.history_`.
    pretrain_history : dict of str to list, default=None
        The same for the source task; `None` or empty without one.
    freeze_point : str, default=None
        The freeze point between the two tasks; `None` if nothing was frozen.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (2,)
        The panels of loss and accuracy.
    figure_ : matplotlib Figure
        The figure that contains the panels.
    lines_ : list of matplotlib Line2D
        The curves: loss, then accuracy; for each the source task, then the target task; for each
        training, then validation. Curves without data are left out.
    freeze_lines_ : list of matplotlib Line2D
        The line between the two tasks, in each panel.

    See Also
    --------
    FreezeDepthDisplay : Scores and costs against the freeze point.

    Examples
    --------
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import HistoryDisplay
    >>> X, y = load_fashion_sample(subset="test", return_X_y=True)
    >>> clf = TransferClassifier(pretrain_classes=[5, 6, 7, 8, 9], pretrain_epochs=2, epochs=2)
    >>> HistoryDisplay.from_estimator(clf.fit(X[:200], y[:200]))
    <...>
    """

    def __init__(
        self,
        *,
        history: History,
        pretrain_history: History | None = None,
        freeze_point: str | None = None,
    ) -> None:
        self.history = history
        self.pretrain_history = pretrain_history
        self.freeze_point = freeze_point

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        ax: AxesLike | None = None,
        line_kw: Mapping[str, Any] | None = None,
        freeze_line_kw: Mapping[str, Any] | None = None,
    ) -> HistoryDisplay:
        """Show the history of a fitted estimator.

        Parameters
        ----------
        estimator : TransferClassifier
            A fitted classifier, or a fitted pipeline or search with one at its end. For a search
            the best estimator is shown. After gradual unfreezing the last freeze point is shown.
        ax : matplotlib Axes or array-like of Axes of shape (2,), default=None
            Axes to draw in: one that both panels share, or the panels of loss and accuracy. By
            default a new figure.
        line_kw : dict, default=None
            Style of the curves, for :meth:`matplotlib.axes.Axes.plot`.
        freeze_line_kw : dict, default=None
            Style of the line at the freeze, for :meth:`matplotlib.axes.Axes.axvline`.

        Returns
        -------
        display : HistoryDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If there is no `TransferClassifier`.
        ValueError
            If `fit` ran no epoch.

        Examples
        --------
        See :class:`HistoryDisplay`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        classifier = fitted_classifier(estimator)
        display = cls(
            history=classifier.history_,
            pretrain_history=classifier.pretrain_history_,
            freeze_point=classifier.freeze_point_,
        )
        return display.plot(ax, line_kw=line_kw, freeze_line_kw=freeze_line_kw)

    def plot(
        self,
        ax: AxesLike | None = None,
        *,
        line_kw: Mapping[str, Any] | None = None,
        freeze_line_kw: Mapping[str, Any] | None = None,
    ) -> HistoryDisplay:
        """Draw loss and accuracy against epochs, first of the source, then of the target task.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes of shape (2,), default=None
            Axes to draw in: one that both panels share, or the panels of loss and accuracy. By
            default a new figure.
        line_kw : dict, default=None
            Style of the curves, for :meth:`matplotlib.axes.Axes.plot`.
        freeze_line_kw : dict, default=None
            Style of the line at the freeze, for :meth:`matplotlib.axes.Axes.axvline`.

        Returns
        -------
        display : HistoryDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there is no epoch to show.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        phases = [self.pretrain_history or {}, self.history]
        n_source, n_target = (len(phase.get("loss", ())) for phase in phases)
        if not n_source + n_target:
            raise ValueError(
                "No epoch was run, so there is no history to show. Fit with epochs of at least 1."
            )
        panels = make_panels(ax, (2, 1), figsize=(6.4, 4.8), sharex=True)
        self.axes_ = panels.ravel()
        self.figure_ = self.axes_[0].get_figure()
        first_epochs = (1, 1 + n_source)
        self.lines_ = [
            line
            for panel, measure in zip(self.axes_, ("loss", "accuracy"), strict=True)
            for first, phase in zip(first_epochs, phases, strict=True)
            for line in _draw_curves(panel, phase, measure, first, line_kw or {})
        ]
        self._mark_phases(n_source, n_target, freeze_line_kw or {})
        self._label(n_source + n_target)
        return self

    def _mark_phases(self, n_source: int, n_target: int, freeze_line_kw: Mapping[str, Any]) -> None:
        """Shade the source task, and draw and name the line between the tasks."""
        boundary = n_source + 0.5
        style = {"color": QUIET, "linestyle": ":", "linewidth": 1.5, **freeze_line_kw}
        self.freeze_lines_ = [panel.axvline(boundary, **style) for panel in self.axes_]
        for panel in self.axes_:
            panel.axvspan(0.5, boundary, color="0.96", zorder=0, linewidth=0)
        if n_source:
            self._write_above("source task", 0.5, "left")
        if n_target:
            frozen = f"frozen up to {self.freeze_point}" if self.freeze_point else "nothing frozen"
            # The name starts at the line if it fits there, else it ends at the right edge.
            fits = n_target >= n_source
            self._write_above(
                f"target task, {frozen}",
                boundary if fits else n_source + n_target + 0.5,
                "left" if fits else "right",
            )

    def _write_above(self, text: str, epoch: float, align: str) -> None:
        panel = self.axes_[0]
        panel.annotate(
            text,
            (epoch, 1),
            xytext=(0, 4),
            xycoords=panel.get_xaxis_transform(),
            textcoords="offset points",
            ha=align,
            color=QUIET,
        )

    def _label(self, n_epochs: int) -> None:
        from matplotlib.ticker import MaxNLocator

        loss, accuracy = self.axes_
        for panel in self.axes_:
            tidy(panel)
        loss.set_ylabel("loss")
        accuracy.set(ylabel="accuracy", xlabel="epoch", xlim=(0.5, n_epochs + 0.5))
        accuracy.xaxis.set_major_locator(
            MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
        )
        handles = {line.get_label(): line for line in self.lines_}
        loss.legend(handles.values(), handles.keys(), frameon=False)


def _draw_curves(
    panel: Axes, phase: History, measure: str, first_epoch: int, line_kw: Mapping[str, Any]
) -> Iterator[Line2D]:
    """Draw a measure of a phase, in training and in validation, from `first_epoch` on."""
    for name, key in (("training", measure), ("validation", f"val_{measure}")):
        if values := phase.get(key):
            epochs = np.arange(first_epoch, first_epoch + len(values))
            yield from panel.plot(epochs, values, label=name, **{**_STYLES[name], **line_kw})
