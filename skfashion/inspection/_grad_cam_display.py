"""GradCAMDisplay: images with heat maps of the pixels that are evidence for a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._data.class_names import ClassNames
from .._data.image_list import check_lengths
from .._data.labels import check_kind_of_labels
from .._data.validation import check_labels
from .._estimators.find_classifier import classifier_input, fitted_classifier
from ._grad_cam import encode_target, grad_cam, images_of
from ._image_panels import (
    N_IMAGES,
    check_n_images,
    draw_images,
    format_percent,
    label_name,
    make_image_panels,
    to_grey_or_rgb,
    write_names,
)
from ._panels import COLORS, QUIET

if TYPE_CHECKING:
    from ._panels import AxesLike

# Brightness of red, green and blue (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


class GradCAMDisplay:
    """Images with heat maps of the pixels that are evidence for a class: Grad-CAM [1]_.

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        Grey or RGB images, from 0 for black to 255 for white.
    heatmaps : ndarray of shape (n, h, w)
        Maps from 0 to 1, as `grad_cam` returns them.
    y_pred : ndarray of shape (n,)
        Predicted labels.
    confidence : ndarray of shape (n,)
        Probabilities of the predicted labels, from 0 to 1.
    y_true : ndarray of shape (n,), default=None
        True labels; `None` if unknown.
    target : ndarray of shape (n,), default=None
        Labels that the maps explain. By default the predicted ones.
    class_names : dict or sequence of str, default=None
        Names of labels: a dict, or a sequence in which integer labels are positions. Labels without
        a name are shown themselves.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (n_rows, n_columns)
        One panel per image, or the Axes passed; unused panels are switched off.
    figure_ : matplotlib Figure
        The figure that contains the panels.
    images_ : list of matplotlib AxesImage
        The images, in grey.
    heatmaps_ : list of matplotlib AxesImage
        The heat maps over the images.

    See Also
    --------
    grad_cam : Returns the maps.
    ImageGridDisplay : The most confident mistakes.

    References
    ----------
    .. [1] Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra: "Grad-CAM: Visual Explanations from
       Deep Networks via Gradient-based Localization", ICCV 2017, arXiv:1610.02391.

    Examples
    --------
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import GradCAMDisplay
    >>> fashion = load_fashion_sample()
    >>> X, y = fashion.data[:200], fashion.target[:200]
    >>> clf = TransferClassifier(epochs=1).fit(X, y)
    >>> display = GradCAMDisplay.from_estimator(
    ...     clf, X, y, n_images=6, class_names=fashion.target_names
    ... )
    >>> display.heatmaps.shape
    (6, 28, 28)
    """

    def __init__(
        self,
        *,
        images: np.ndarray,
        heatmaps: np.ndarray,
        y_pred: np.ndarray,
        confidence: np.ndarray,
        y_true: np.ndarray | None = None,
        target: np.ndarray | None = None,
        class_names: ClassNames | None = None,
    ) -> None:
        self.images = images
        self.heatmaps = heatmaps
        self.y_pred = y_pred
        self.confidence = confidence
        self.y_true = y_true
        self.target = target
        self.class_names = class_names

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        layer: str | int | None = None,
        target: Any = None,
        n_images: int = N_IMAGES,
        class_names: ClassNames | None = None,
        ax: AxesLike | None = None,
        n_columns: int | None = None,
        imshow_kw: Mapping[str, Any] | None = None,
        heatmap_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> GradCAMDisplay:
        """Show the pixels that are evidence for a class, in the first images.

        Parameters
        ----------
        estimator : TransferClassifier
            A fitted classifier, or a fitted pipeline or search with one at its end. In a pipeline,
            images and maps are shown as they arrive at the classifier.
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images, flat rows, or n paths of files or images of any size.
        y : array-like of shape (n,), default=None
            True labels. By default none are shown.
        layer : str or int, default=None
            The layer with the weighted output, as for `grad_cam`. By default the last stage with a
            feature map.
        target : label or array-like of shape (n,), default=None
            The explained class: one of `classes_` for all images, or one for each. By default the
            predicted classes.
        n_images : int, default=12
            Maximum number of images, from the start of `X`.
        class_names : dict or sequence of str, default=None
            Names of labels: a dict, or a sequence in which integer labels are positions, as
            `target_names` of the data sets. By default labels are shown.
        ax : matplotlib Axes or array-like of Axes of shape (n_axes,), default=None
            Axes to draw in: one for the grid, or at least one per image. By default a new figure.
        n_columns : int, default=None
            Columns of the grid, unless `ax` has several Axes. By default at most six.
        imshow_kw : dict, default=None
            Style of the images, for :meth:`matplotlib.axes.Axes.imshow`.
        heatmap_kw : dict, default=None
            Style of the heat maps, for :meth:`matplotlib.axes.Axes.imshow`.
        text_kw : dict, default=None
            Style of the names, for :meth:`matplotlib.axes.Axes.annotate`.

        Returns
        -------
        display : GradCAMDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If there is no `TransferClassifier`.
        ValueError
            If `layer` or `target` are invalid for `grad_cam`, `X` and `y` have different lengths,
            or `n_images` is no positive integer.

        Examples
        --------
        See :class:`GradCAMDisplay`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_n_images(n_images)
        classifier = fitted_classifier(estimator)
        y_true = None if y is None else check_labels(y)
        n_rows = check_lengths(X, y=y_true)
        if y_true is not None:
            check_kind_of_labels(y_true, classifier._fitted.split.known)
        shown = np.arange(min(n_images, n_rows))
        if target is not None:
            encoded = encode_target(target, classifier.classes_, n_rows)
            target = classifier.classes_[encoded[shown]]
        X = classifier_input(estimator, _safe_indexing(X, shown))
        probabilities = classifier.predict_proba(X)
        y_pred = classifier.classes_[probabilities.argmax(axis=1)]
        explained = y_pred if target is None else target
        display = cls(
            images=to_grey_or_rgb(images_of(classifier, X)[:]),
            heatmaps=grad_cam(classifier, X, layer=layer, target=explained),
            y_pred=y_pred,
            confidence=probabilities.max(axis=1),
            y_true=None if y_true is None else y_true[shown],
            target=target,
            class_names=class_names,
        )
        return display.plot(
            ax, n_columns=n_columns, imshow_kw=imshow_kw, heatmap_kw=heatmap_kw, text_kw=text_kw
        )

    def plot(
        self,
        ax: AxesLike | None = None,
        *,
        n_columns: int | None = None,
        imshow_kw: Mapping[str, Any] | None = None,
        heatmap_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> GradCAMDisplay:
        """Draw the images in a grid, row by row, and the heat maps over them.

        Colour images are drawn in grey, so that every colour is one of the map.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes of shape (n_axes,), default=None
            Axes to draw in: one for the grid, or at least one per image. By default a new figure.
        n_columns : int, default=None
            Columns of the grid, unless `ax` has several Axes. By default at most six.
        imshow_kw : dict, default=None
            Style of the images, for :meth:`matplotlib.axes.Axes.imshow`.
        heatmap_kw : dict, default=None
            Style of the heat maps, for :meth:`matplotlib.axes.Axes.imshow`.
        text_kw : dict, default=None
            Style of the names, for :meth:`matplotlib.axes.Axes.annotate`.

        Returns
        -------
        display : GradCAMDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        lines = [self._lines(index) for index in range(len(self.images))]
        self.axes_ = make_image_panels(ax, self.images, n_columns, names=lines)
        self.figure_ = self.axes_[0, 0].get_figure()
        grey = self.images @ _LUMA if np.ndim(self.images) == 4 else self.images
        self.images_ = draw_images(self.axes_, grey, imshow_kw)
        style = {"cmap": "inferno", "vmin": 0, "vmax": 1, "alpha": 0.55, **(heatmap_kw or {})}
        self.heatmaps_ = draw_images(self.axes_, self.heatmaps, style)
        write_names(self.axes_, lines, text_kw, is_new_figure=ax is None)
        return self

    def _lines(self, index: int) -> list[tuple[str, str | None]]:
        """Return the text below an image: the names of its labels, and their colours."""
        label = self.y_pred[index]
        true = label if self.y_true is None else self.y_true[index]
        explained = label if self.target is None else self.target[index]
        predicted = label_name(label, self.class_names)
        color = None if true == label else COLORS[1]
        lines: list[tuple[str, str | None]] = [
            (f"{predicted} ({format_percent(self.confidence[index])})", color)
        ]
        if self.y_true is not None:
            lines.append((f"is {label_name(true, self.class_names)}", None))
        if explained != label:
            lines.append((f"map of {label_name(explained, self.class_names)}", QUIET))
        return lines
