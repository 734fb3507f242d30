"""ImageGridDisplay: the most confident mistakes of a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.multiclass import unique_labels

from .._data.class_names import ClassNames
from .._data.image_list import check_lengths
from .._data.labels import check_kind_of_labels
from .._data.validation import check_labels
from .._estimators.find_classifier import changes_images, fitted_classifier
from ._image_panels import (
    N_IMAGES,
    check_n_images,
    draw_images,
    format_percent,
    label_name,
    make_image_panels,
    shorten_file_name,
    write_names,
)
from ._mistakes import (
    check_confidence,
    flat_image_shape,
    mistakes_title,
    names_of_files,
    select_mistakes,
    to_visible_images,
)
from ._panels import COLORS, MESSAGE, QUIET, font_size, is_single, line_length, wrap_text

if TYPE_CHECKING:
    from ._panels import AxesLike

# Smallest width of a new figure, for the title.
_TITLE_COLUMNS = 4


class ImageGridDisplay:
    """Images with true and predicted names: the most confident mistakes of a classifier.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`. All parameters
    are stored as attributes.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        Grey or RGB images, from 0 for black to 255 for white.
    y_true : ndarray of shape (n,)
        True labels.
    y_pred : ndarray of shape (n,)
        Predicted labels.
    confidence : ndarray of shape (n,)
        Probabilities of the predicted labels, from 0 to 1.
    class_names : dict or sequence of str, default=None
        Names of labels: a dict, or a sequence in which integer labels are positions. Labels without
        a name are shown themselves.
    title : str, default=None
        Title above the grid. By default there is none.
    file_names : sequence of str of length n, default=None
        Names of the files of images. By default none are shown.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (n_rows, n_columns)
        One panel per image, or the Axes passed; unused panels are switched off.
    figure_ : matplotlib Figure
        The figure that contains the panels.
    images_ : list of matplotlib AxesImage
        The images.
    title_ : matplotlib Text or None
        The title of the figure, or of the `ax` passed.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : Counts of predictions by true class.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import ImageGridDisplay
    >>> fashion = load_fashion_sample(subset="test")
    >>> y_pred = np.roll(fashion.target, 1)
    >>> confidence = np.linspace(0, 1, len(y_pred))
    >>> display = ImageGridDisplay.from_predictions(
    ...     fashion.data,
    ...     fashion.target,
    ...     y_pred,
    ...     confidence,
    ...     class_names=fashion.target_names,
    ...     n_images=6,
    ... )
    >>> display.axes_.shape
    (1, 6)
    """

    def __init__(
        self,
        *,
        images: np.ndarray,
        y_true: np.ndarray,
        y_pred: np.ndarray,
        confidence: np.ndarray,
        class_names: ClassNames | None = None,
        title: str | None = None,
        file_names: Sequence[str] | None = None,
    ) -> None:
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred
        self.confidence = confidence
        self.class_names = class_names
        self.title = title
        self.file_names = file_names

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        n_images: int = N_IMAGES,
        class_names: ClassNames | None = None,
        ax: AxesLike | None = None,
        n_columns: int | None = None,
        imshow_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> ImageGridDisplay:
        """Show the most confident mistakes of a fitted estimator.

        Rows with labels that `fit` saw outside the target task are left out, as in
        `TransferClassifier.score`. Rows with a label that it never saw count as mistakes.

        Parameters
        ----------
        estimator : TransferClassifier
            A fitted classifier, or a fitted pipeline or search with one at its end. Images are
            shown as they are in `X`, before any pipeline step.
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images, flat rows, or n paths of files or images of any size.
        y : array-like of shape (n,)
            True labels.
        n_images : int, default=12
            Maximum number of images.
        class_names : dict or sequence of str, default=None
            Names of labels: a dict, or a sequence in which integer labels are positions, as
            `target_names` of the data sets. By default labels are shown.
        ax : matplotlib Axes or array-like of Axes of shape (n_axes,), default=None
            Axes to draw in: one for the grid, or at least one per image. By default a new figure.
        n_columns : int, default=None
            Columns of the grid, unless `ax` has several Axes. By default at most six.
        imshow_kw : dict, default=None
            Style of the images, for :meth:`matplotlib.axes.Axes.imshow`.
        text_kw : dict, default=None
            Style of the names, for :meth:`matplotlib.axes.Axes.annotate`.

        Returns
        -------
        display : ImageGridDisplay
            The display, drawn. Without a mistake it is an empty panel with a message.

        Raises
        ------
        TypeError
            If there is no `TransferClassifier`.
        ValueError
            If labels are of another type or of other tasks, or `n_images` is no positive integer.

        Examples
        --------
        >>> from skfashion import TransferClassifier
        >>> from skfashion.datasets import load_fashion_sample
        >>> from skfashion.inspection import ImageGridDisplay
        >>> fashion = load_fashion_sample(subset="test")
        >>> clf = TransferClassifier(epochs=1).fit(fashion.data[:200], fashion.target[:200])
        >>> ImageGridDisplay.from_estimator(
        ...     clf, fashion.data, fashion.target, class_names=fashion.target_names
        ... )
        <...>
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        classifier = fitted_classifier(estimator)
        labels = check_labels(y)
        check_lengths(X, y=labels)
        check_kind_of_labels(labels, classifier._fitted.split.known)
        rows = np.flatnonzero(classifier._fitted.split.scored_rows(labels))
        X = _safe_indexing(X, rows)
        probabilities = estimator.predict_proba(X)
        display = cls._of_mistakes(
            X,
            labels[rows],
            classifier.classes_[probabilities.argmax(axis=1)],
            probabilities.max(axis=1),
            image_shape=flat_image_shape(X, classifier.image_shape_),
            # A pipeline may scale pixels before the classifier gets them.
            pixel_range=None if changes_images(estimator, fitted=True) else classifier.pixel_range_,
            resize=classifier._fitted_resize,
            n_images=n_images,
            class_names=class_names,
            n_left_out=len(labels) - len(rows),
        )
        return display.plot(ax, n_columns=n_columns, imshow_kw=imshow_kw, text_kw=text_kw)

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        confidence: ArrayLike,
        *,
        image_shape: tuple[int, ...] | None = None,
        pixel_range: tuple[float, float] | None = None,
        resize: str = "crop",
        n_images: int = N_IMAGES,
        class_names: ClassNames | None = None,
        ax: AxesLike | None = None,
        n_columns: int | None = None,
        imshow_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> ImageGridDisplay:
        """Show the most confident mistakes among predictions, such as those of all folds.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images, flat rows, or n paths of files or images of any size.
        y_true : array-like of shape (n,)
            True labels.
        y_pred : array-like of shape (n,)
            Predicted labels.
        confidence : array-like of shape (n,)
            Probabilities of the predicted labels, from 0 to 1.
        image_shape : tuple of int, default=None
            Image shape of flat rows and files: (height, width) or (height, width, channels). By
            default a square, and for files 224 x 224 pixels.
        pixel_range : tuple of (black, white), default=None
            The values of `X` for black and white. By default they are learned from `X`, as in
            `TransferClassifier`. Files have pixels from 0 to 255.
        resize : {"crop", "pad", "stretch"}, default="crop"
            Conversion of files and images of different sizes to one shape, as for
            `TransferClassifier`.
        n_images : int, default=12
            Maximum number of images.
        class_names : dict or sequence of str, default=None
            Names of labels: a dict, or a sequence in which integer labels are positions, as
            `target_names` of the data sets. By default labels are shown.
        ax : matplotlib Axes or array-like of Axes of shape (n_axes,), default=None
            Axes to draw in: one for the grid, or at least one per image. By default a new figure.
        n_columns : int, default=None
            Columns of the grid, unless `ax` has several Axes. By default at most six.
        imshow_kw : dict, default=None
            Style of the images, for :meth:`matplotlib.axes.Axes.imshow`.
        text_kw : dict, default=None
            Style of the names, for :meth:`matplotlib.axes.Axes.annotate`.

        Returns
        -------
        display : ImageGridDisplay
            The display, drawn. Without a mistake it is an empty panel with a message.

        Raises
        ------
        ValueError
            If lengths or types of labels differ, or another argument is invalid.

        Examples
        --------
        See :class:`ImageGridDisplay`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        display = cls._of_mistakes(
            X,
            y_true,
            y_pred,
            confidence,
            image_shape=image_shape,
            pixel_range=pixel_range,
            resize=resize,
            n_images=n_images,
            class_names=class_names,
        )
        return display.plot(ax, n_columns=n_columns, imshow_kw=imshow_kw, text_kw=text_kw)

    @classmethod
    def _of_mistakes(
        cls,
        X: ArrayLike,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        confidence: ArrayLike,
        *,
        image_shape: tuple[int, ...] | None,
        pixel_range: tuple[float, float] | None,
        resize: str,
        n_images: int,
        class_names: ClassNames | None,
        n_left_out: int = 0,
    ) -> ImageGridDisplay:
        """Return the display of the most confident mistakes, not drawn yet."""
        check_n_images(n_images)
        true, predicted = check_labels(y_true, "y_true"), check_labels(y_pred, "y_pred")
        sure = check_confidence(confidence)
        check_lengths(X, y_true=true, y_pred=predicted, confidence=sure)
        unique_labels(true, predicted)  # raises for text and numbers
        shown, n_mistakes = select_mistakes(true, predicted, sure, n_images)
        return cls(
            images=to_visible_images(X, shown, image_shape, pixel_range, resize),
            y_true=true[shown],
            y_pred=predicted[shown],
            confidence=sure[shown],
            class_names=class_names,
            title=mistakes_title(len(shown), n_mistakes, len(true), n_left_out),
            file_names=names_of_files(X, shown),
        )

    def plot(
        self,
        ax: AxesLike | None = None,
        *,
        n_columns: int | None = None,
        imshow_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> ImageGridDisplay:
        """Draw the images in a grid, row by row.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes of shape (n_axes,), default=None
            Axes to draw in: one for the grid, or at least one per image. By default a new figure.
        n_columns : int, default=None
            Columns of the grid, unless `ax` has several Axes. By default at most six.
        imshow_kw : dict, default=None
            Style of the images, for :meth:`matplotlib.axes.Axes.imshow`.
        text_kw : dict, default=None
            Style of the names, for :meth:`matplotlib.axes.Axes.annotate`.

        Returns
        -------
        display : ImageGridDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        names = [self._lines(index) for index in range(len(self.images))]
        self.axes_ = make_image_panels(
            ax,
            self.images,
            n_columns,
            names=names,
            min_columns=_TITLE_COLUMNS,
            title_lines=len(self._title_for(ax).splitlines()),
        )
        self.figure_ = self.axes_[0, 0].get_figure()
        self.images_ = draw_images(self.axes_, self.images, imshow_kw)
        write_names(self.axes_, names, text_kw, is_new_figure=ax is None)
        self.title_ = self._write_title(ax)
        return self

    def _lines(self, index: int) -> list[tuple[str, str | None]]:
        """Return the text below an image: both names and the file name, and their colours."""
        predicted, true = (
            label_name(labels[index], self.class_names) for labels in (self.y_pred, self.y_true)
        )
        lines: list[tuple[str, str | None]] = [
            (f"{predicted} ({format_percent(self.confidence[index])})", COLORS[1]),
            (f"is {true}", None),
        ]
        if self.file_names is not None:
            lines.append((shorten_file_name(self.file_names[index]), QUIET))
        return lines

    def _title_for(self, ax: Any) -> str:
        """Return the title, in lines that fit into a single Axes."""
        title = self.title or ""
        return wrap_text(title, line_length(ax)) if is_single(ax) else title

    def _write_title(self, ax: Any) -> Any:
        """Write the title, unless the caller passed one Axes per panel."""
        if self.title is None:
            return None
        if not len(self.images):
            panel = self.axes_[0, 0]
            style = {"ha": "center", "va": "center", "size": font_size(panel), "label": MESSAGE}
            return panel.text(0.5, 0.5, self._title_for(panel), transform=panel.transAxes, **style)
        if ax is None:
            return self.figure_.suptitle(self.title, size="medium")
        if not is_single(ax):
            return None
        # In the space that `divide` keeps: the Axes may be at the edge of the figure.
        return ax.set_title(self._title_for(ax), size=font_size(ax), y=1, pad=0, va="top")
