"""ImageGridDisplay: the mistakes that a classifier is most sure of."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_consistent_length, column_or_1d

from .._data.image_shapes import as_rows
from .._data.lazy_images import ImageFormat
from .._data.pixel_range import WHITE
from .._data.row_subset import RowSubset
from .._estimators.fitted_classifier import fitted_classifier
from ._panels import COLORS, make_panels

N_IMAGES = 12
MOST_COLUMNS = 6
MOST_LETTERS = 15
SIDE = 1.45  # inches


class ImageGridDisplay:
    """Images with true and predicted names: the mistakes that a classifier is most sure of.

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
        Their probabilities, from 0 to 1.
    class_names : dict or sequence of str, default=None
        Names of labels: a dict, or a sequence that integer labels count through. `None`, and
        labels that it lacks, show the label.
    title : str, default=None
        What stands above the grid.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (n_rows, n_columns)
        A panel an image; those left over are switched off.
    figure_ : matplotlib Figure
        The figure that they are in.
    images_ : list of matplotlib AxesImage
        The images.
    title_ : matplotlib Text or None
        The title: of the figure, or of the `ax` given.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : How often each class is taken for which.

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

    def __init__(self, *, images, y_true, y_pred, confidence, class_names=None, title=None):
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred
        self.confidence = confidence
        self.class_names = class_names
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_images=N_IMAGES,
        class_names=None,
        ax=None,
        n_columns=None,
        imshow_kw=None,
        text_kw=None,
    ):
        """Show the mistakes that a fitted estimator is most sure of.

        Rows whose label `fit` saw outside the target task are left out, as in
        `TransferClassifier.score`. Labels that it never saw are mistakes.

        Parameters
        ----------
        estimator : TransferClassifier
            A fitted one, or a pipeline or search with one at its end. Images are shown as they
            are in `X`, in front of a pipeline's other steps.
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images, or flat rows.
        y : array-like of shape (n,)
            True labels.
        n_images : int, default=12
            How many to show, at most.
        class_names : dict or sequence of str, default=None
            Names of labels: a dict, or a sequence that integer labels count through, as
            `target_names` of the data sets. `None` shows labels.
        ax : matplotlib Axes or array-like of Axes, default=None
            Room for the grid, or its panels; by default a new figure.
        n_columns : int, default=None
            Columns of the grid; by default at most six.
        imshow_kw : dict, default=None
            Style of the images, for :meth:`matplotlib.axes.Axes.imshow`.
        text_kw : dict, default=None
            Style of the names, for :meth:`matplotlib.axes.Axes.annotate`.

        Returns
        -------
        display : ImageGridDisplay
            The display, drawn. Without a mistake it is an empty panel that says so.

        Raises
        ------
        TypeError
            If there is no `TransferClassifier`.
        ValueError
            If no row has a label of the target task, or `n_images` is less than 1.

        Examples
        --------
        >>> from skfashion import TransferClassifier
        >>> from skfashion.datasets import load_fashion_sample
        >>> from skfashion.inspection import ImageGridDisplay
        >>> fashion = load_fashion_sample(subset="test")
        >>> clf = TransferClassifier(epochs=1).fit(fashion.data, fashion.target)
        >>> ImageGridDisplay.from_estimator(
        ...     clf, fashion.data, fashion.target, class_names=fashion.target_names
        ... )
        <...>
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        classifier = fitted_classifier(estimator)
        y = column_or_1d(y)
        check_consistent_length(X, y)
        rows = np.flatnonzero(classifier._split.scored_rows(y))
        X, y = _safe_indexing(X, rows), y[rows]
        probabilities = estimator.predict_proba(X)
        return cls.from_predictions(
            X,
            y,
            classifier.classes_[probabilities.argmax(axis=1)],
            probabilities.max(axis=1),
            image_shape=_shape_of_flat(X, classifier.image_shape_),
            n_images=n_images,
            class_names=class_names,
            ax=ax,
            n_columns=n_columns,
            imshow_kw=imshow_kw,
            text_kw=text_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        X,
        y_true,
        y_pred,
        confidence,
        *,
        image_shape=None,
        n_images=N_IMAGES,
        class_names=None,
        ax=None,
        n_columns=None,
        imshow_kw=None,
        text_kw=None,
    ):
        """Show the most confident mistakes among predictions, such as those of all folds.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images, or flat rows. Black and white are learned from it, as in
            `TransferClassifier.fit`.
        y_true : array-like of shape (n,)
            True labels.
        y_pred : array-like of shape (n,)
            Predicted labels.
        confidence : array-like of shape (n,)
            Their probabilities, from 0 to 1.
        image_shape : tuple, default=None
            (height, width) or (height, width, channels) that flat rows fold into; by default a
            square.
        n_images, class_names, ax, n_columns, imshow_kw, text_kw
            As for :meth:`from_estimator`.

        Returns
        -------
        display : ImageGridDisplay
            The display, drawn. Without a mistake it is an empty panel that says so.

        Raises
        ------
        ValueError
            If shapes do not fit together, or `n_images` is less than 1.

        Examples
        --------
        See :class:`ImageGridDisplay`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        if n_images < 1:
            raise ValueError(f"n_images must be at least 1, got {n_images}.")
        y_true, y_pred, confidence = map(column_or_1d, (y_true, y_pred, confidence))
        check_consistent_length(X, y_true, y_pred, confidence)
        mistakes = np.flatnonzero(y_true != y_pred)
        shown = mistakes[np.argsort(-confidence[mistakes], kind="stable")][:n_images]
        display = cls(
            images=_visible(X, shown, image_shape),
            y_true=y_true[shown],
            y_pred=y_pred[shown],
            confidence=confidence[shown],
            class_names=class_names,
            title=_title(len(shown), len(mistakes), len(y_true)),
        )
        return display.plot(ax, n_columns=n_columns, imshow_kw=imshow_kw, text_kw=text_kw)

    def plot(self, ax=None, *, n_columns=None, imshow_kw=None, text_kw=None):
        """Draw the images in a grid, row by row.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Room for the grid, or its panels; by default a new figure.
        n_columns : int, default=None
            Columns of the grid; by default at most six.
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
        n_rows, n_columns = _shape_of_grid(len(self.images), n_columns)
        height, width = np.shape(self.images)[1:3]
        figsize = (SIDE * max(n_columns, 4), (SIDE * height / width + 0.4) * n_rows + 0.35)
        self.axes_ = make_panels(ax, (n_rows, n_columns), figsize=figsize)
        self.figure_ = self.axes_[0, 0].get_figure()
        for panel in self.axes_.flat:
            panel.set_axis_off()
        style = {"cmap": "gray", "vmin": 0, "vmax": WHITE, **(imshow_kw or {})}
        self.images_ = [
            panel.imshow(image, **style)
            for panel, image in zip(self.axes_.flat, self.images, strict=False)
        ]
        self._write_names(text_kw or {})
        self.title_ = self._write_title(ax)
        return self

    def _write_names(self, text_kw):
        """Write the predicted and the true name below each image."""
        for panel, *labels, confidence in zip(
            self.axes_.flat, self.y_pred, self.y_true, self.confidence, strict=False
        ):
            predicted, true = (_name(label, self.class_names) for label in labels)
            lines = (
                (-3, f"{predicted} ({_percent(confidence)})", COLORS[1]),
                (-14, f"is {true}", "black"),
            )
            for points, text, color in lines:
                panel.annotate(
                    text,
                    (0.5, 0),
                    xytext=(0, points),
                    xycoords="axes fraction",
                    textcoords="offset points",
                    **{"ha": "center", "va": "top", "size": 8, "color": color, **text_kw},
                )

    def _write_title(self, ax):
        """Write the title, unless the panels are the user's own, with a figure of their own."""
        if self.title is None:
            return None
        if not len(self.images):
            panel = self.axes_[0, 0]
            return panel.text(
                0.5, 0.5, self.title, ha="center", va="center", transform=panel.transAxes
            )
        if ax is None:
            return self.figure_.suptitle(self.title, size="medium")
        return ax.set_title(self.title, size="medium") if hasattr(ax, "set_title") else None


def _shape_of_grid(n_images, n_columns):
    """Return rows and columns; as few rows as there can be with at most six images in each."""
    n_images = max(n_images, 1)
    n_columns = n_columns or -(-n_images // -(-n_images // MOST_COLUMNS))
    return -(-n_images // n_columns), n_columns


def _shape_of_flat(X, image_shape):
    """Return the shape of the images that `X` holds or folds into, `None` for any other."""
    rows, shape = as_rows(X, image_shape)
    fits = np.shape(rows)[-1] == np.prod(image_shape) if shape is None else shape == image_shape
    return image_shape if fits else None


def _visible(X, shown, image_shape):
    """Return the rows to show as grey or RGB images, from 0 to 255.

    Of other numbers of channels than one and three it takes the first three, or the first.
    """
    rows, shape = as_rows(X, image_shape)
    rows = check_array(rows, dtype="numeric", input_name="X")
    image_format = ImageFormat.learn(RowSubset(rows), shape, image_shape)
    # Without a row there is no range of pixels to compare with the one learned.
    chosen = np.array(shown if len(shown) else [0])
    images = image_format.lazy_images(RowSubset(rows, chosen), "float32")[: len(shown)]
    if images.shape[-1] < 3:
        return images[..., 0]
    return np.rint(images[..., :3]).astype(np.uint8)


def _title(n_shown, n_mistakes, n_images):
    if not n_mistakes:
        return f"No mistake in {n_images:,} images"
    if n_mistakes == 1:
        return f"The only mistake in {n_images:,} images"
    if n_shown == n_mistakes:
        return f"All {n_mistakes} mistakes in {n_images:,} images"
    return f"The {n_shown} most confident of {n_mistakes:,} mistakes in {n_images:,} images"


def _name(label, class_names):
    """Return what to call a label, not longer than fits below an image."""
    if isinstance(class_names, Mapping):
        label = class_names.get(label, label)
    elif class_names is not None:
        if not isinstance(label, Integral):
            raise ValueError(
                "class_names must be a dict of label to name, or a sequence that integer labels "
                f"count through; it is a {type(class_names).__name__}, and there is a label "
                f"{str(label)!r}. Pass a dict."
            )
        label = class_names[label] if 0 <= int(label) < len(class_names) else label
    name = str(label)
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"


def _percent(confidence):
    """Return a probability as a percentage that never rounds up to certainty."""
    percent = f"{confidence:.0%}"
    return ">99%" if percent == "100%" and confidence < 1 else percent
