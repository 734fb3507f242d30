"""HistoryDisplay: both phases of a fit, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._estimators.find_classifier import fitted_classifier
from ._panels import (
    COLORS,
    QUIET,
    Spacing,
    font_size,
    line_length,
    make_panels,
    merge_style,
    shorten_middle,
    size_in_points,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from ._panels import AxesLike

History = Mapping[str, list[Any]]

_LINE = 13  # points
_TICK_WIDTH = 25  # points
_ROUND_STEPS = (1, 2, 5)
_STYLES: dict[str, dict[str, Any]] = {
    "training": {"color": COLORS[0], "marker": "o", "markersize": 4},
    "validation": {"color": COLORS[1], "marker": "s", "markersize": 4, "linestyle": "--"},
}


class HistoryDisplay:
    """Loss and accuracy of a fit, on the source task and then on the target task.

    The axis counts the epochs of each task from 1.

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
        classifier = fitted_classifier(estimator, inside_others=True)
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
        # The legend and the names of the tasks are above the panels.
        spacing = Spacing(above=3.5 * _LINE, between=_LINE)
        panels = make_panels(ax, (2, 1), figsize=(6.4, 4.8), sharex=True, spacing=spacing)
        self.axes_ = panels.ravel()
        self.figure_ = self.axes_[0].get_figure()
        first_epochs = (1, 1 + n_source)
        self.lines_ = [
            line
            for panel, measure in zip(self.axes_, ("loss", "accuracy"), strict=True)
            for first, phase in zip(first_epochs, phases, strict=True)
            for line in _draw_curves(panel, phase, measure, first, line_kw or {})
        ]
        n_lines = self._mark_phases(n_source, n_target, freeze_line_kw or {})
        self._label(n_source, n_target, n_lines)
        return self

    def _mark_phases(self, n_source: int, n_target: int, freeze_line_kw: Mapping[str, Any]) -> int:
        """Shade the source task, name both tasks, and draw the line between them.

        Returns
        -------
        int
            The number of lines of the names.
        """
        boundary, end = n_source + 0.5, n_source + n_target + 0.5
        style = merge_style({"color": QUIET, "linestyle": ":", "linewidth": 1.5}, freeze_line_kw)
        self.freeze_lines_ = [panel.axvline(boundary, **style) for panel in self.axes_]
        for panel in self.axes_:
            panel.axvspan(0.5, boundary, color="0.5", alpha=0.08, zorder=0, linewidth=0)
        frozen = f"frozen up to {self.freeze_point}" if self.freeze_point else "nothing frozen"
        source, target = "source task", f"target task, {frozen}"
        if not n_source or not n_target:
            name = source if n_source else target
            self._write_above(name, 0.5, "left", line=0)
            return 1
        length = line_length(self.axes_[0])
        needs_source, needs_target = (
            len(name) / length * (n_source + n_target) for name in (source, target)
        )
        if needs_source <= n_source and needs_target <= n_target:
            self._write_above(source, 0.5, "left", line=0)
            self._write_above(target, boundary, "left", line=0)
            return 1
        n_lines = 1 if needs_source + needs_target < n_source + n_target else 2
        self._write_above(source, 0.5, "left", line=n_lines - 1)
        self._write_above(target, end, "right", line=0)
        return n_lines

    def _write_above(self, text: str, epoch: float, align: str, line: int) -> None:
        panel = self.axes_[0]
        panel.annotate(
            shorten_middle(text, line_length(panel)),
            (epoch, 1),
            xytext=(0, 4 + _LINE * line),
            xycoords=panel.get_xaxis_transform(),
            textcoords="offset points",
            ha=align,
            size=font_size(panel),
            color=QUIET,
        )

    def _label(self, n_source: int, n_target: int, n_lines: int) -> None:
        from matplotlib.transforms import ScaledTranslation

        loss, accuracy = self.axes_
        for panel in self.axes_:
            tidy(panel)
        loss.set_ylabel("loss")
        n_epochs = n_source + n_target
        accuracy.set(ylabel="accuracy", xlabel="epoch")
        step = _round_step(n_epochs, int(size_in_points(accuracy)[0] / _TICK_WIDTH))
        epochs = [_ticks(n_source, step), _ticks(n_target, step)]
        if 0 < n_target < step:
            # The tick of its last epoch needs the room of a tick just before it.
            epochs[0] = [epoch for epoch in epochs[0] if n_epochs - epoch >= step / 2]
        for panel in self.axes_:
            panel.set_xlim(0.5, n_epochs + 0.5)
            panel.set_xticks(
                [*epochs[0], *(n_source + epoch for epoch in epochs[1])],
                [str(epoch) for phase in epochs for epoch in phase],
            )
        handles = {line.get_label(): line for line in self.lines_}
        above = ScaledTranslation(0, (4 + _LINE * n_lines) / 72, self.figure_.dpi_scale_trans)
        loss.legend(
            handles.values(),
            handles.keys(),
            loc="lower left",
            bbox_to_anchor=(0, 1),
            bbox_transform=loss.transAxes + above,
            ncols=len(handles),
            fontsize=font_size(loss),
            frameon=False,
            borderpad=0,
            borderaxespad=0,
        )


def _round_step(n_epochs: int, n_ticks: int) -> int:
    """Return the smallest round number of epochs between ticks for at most `n_ticks` ticks."""
    steps = (step * 10**power for power in count() for step in _ROUND_STEPS)
    return next(step for step in steps if n_epochs <= step * max(n_ticks, 1))


def _ticks(n_epochs: int, step: int) -> list[int]:
    """Return the multiples of a step among the epochs of a phase, or the last epoch."""
    return [*range(step, n_epochs + 1, step)] or [n_epochs][:n_epochs]


def _draw_curves(
    panel: Axes, phase: History, measure: str, first_epoch: int, line_kw: Mapping[str, Any]
) -> Iterator[Line2D]:
    """Draw a measure of a phase, in training and in validation, from `first_epoch` on."""
    for name, key in (("training", measure), ("validation", f"val_{measure}")):
        if values := phase.get(key):
            epochs = np.arange(first_epoch, first_epoch + len(values))
            style = merge_style(_STYLES[name], line_kw)
            yield from panel.plot(epochs, values, label=name, **style)
