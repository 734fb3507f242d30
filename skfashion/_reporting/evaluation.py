"""The scores of a classifier."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import classification_report, precision_recall_fscore_support

from .._data.chunks import predict_in_chunks
from .._data.class_names import ClassNames, name_of_label
from .._data.class_split import ClassSplit, encode
from .._data.validation import check_scored_data

# Columns of the table of scores.
SCORE_COLUMNS = ("class", "precision", "recall", "F1", "images", "most often mistaken for")


@dataclass(frozen=True)
class Evaluation:
    """Predicted and true labels, and their scores.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n,)
        True and predicted labels.
    known_labels : ndarray of shape (n_classes,)
        The classes of the classifier.
    class_names : dict or sequence of str, default=None
        Names of labels, as for `name_of_label`.
    n_left_out : int, default=0
        Images that were not predicted, because their class is outside the target task.
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    known_labels: np.ndarray
    class_names: ClassNames | None = None
    n_left_out: int = 0

    @property
    def n_images(self) -> int:
        """The number of images."""
        return len(self.y_true)

    def describe_left_out(self) -> str:
        """Return a sentence on the images that were not predicted."""
        verb = "was" if self.n_left_out == 1 else "were"
        return f"{count_left_out(self.n_left_out)} {verb} left out."

    @property
    def n_right(self) -> int:
        """The number of images whose class is predicted."""
        return int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """The share of images whose class is predicted."""
        return self.n_right / self.n_images

    @property
    def majority_share(self) -> float:
        """The accuracy of a constant prediction of the majority class."""
        return float(self.confusion.sum(axis=1).max() / self.n_images)

    @property
    def mean_f1(self) -> float:
        """The mean of the F1 scores of all classes."""
        return float(np.mean(self._class_scores[2]))

    @cached_property
    def labels(self) -> np.ndarray:
        """All true or predicted classes, sorted."""
        return np.union1d(self.y_true, self.y_pred)

    @cached_property
    def names(self) -> list[str]:
        """The names of `labels`."""
        return [name_of_label(label, self.class_names) for label in self.labels]

    @property
    def unknown_names(self) -> list[str]:
        """Names of the classes of images that the classifier cannot predict."""
        unknown = ~np.isin(self.labels, self.known_labels)
        return [name for name, is_unknown in zip(self.names, unknown, strict=True) if is_unknown]

    @cached_property
    def confusion(self) -> np.ndarray:
        """Number of images of each class (rows) by predicted class (columns)."""
        true, predicted = self._codes
        n_labels = len(self.labels)
        # scikit-learn's function warns if there is one label.
        counts = np.bincount(true * n_labels + predicted, minlength=n_labels**2)
        return counts.reshape(n_labels, n_labels)

    def score_rows(self) -> list[list[str]]:
        """Return the cells of a table with a row for each class, and `SCORE_COLUMNS`."""
        rows = []
        for number, (*ratios, support) in enumerate(zip(*self._class_scores, strict=True)):
            mistaken = self.confusion[number].copy()
            mistaken[number] = 0
            other = int(mistaken.argmax())
            often = f"{self.names[other]} ({mistaken[other]:,})" if mistaken.any() else ""
            formatted = [f"{ratio:.3f}" for ratio in ratios]
            rows.append([self.names[number], *formatted, f"{support:,}", often])
        return rows

    def format_scores(self) -> str:
        """Return scikit-learn's `classification_report` as text."""
        return classification_report(
            *self._codes,
            labels=np.arange(len(self.labels)),
            target_names=self.names,
            digits=3,
            zero_division=0,
        )

    @cached_property
    def _codes(self) -> tuple[np.ndarray, np.ndarray]:
        """True and predicted classes by number: scikit-learn does not take labels of any type."""
        return encode(self.labels, self.y_true), encode(self.labels, self.y_pred)

    @cached_property
    def _class_scores(self) -> tuple[np.ndarray, ...]:
        """Precision, recall, F1 and number of images of each class."""
        # A class that is never predicted has a precision of 0.
        return precision_recall_fscore_support(
            *self._codes, labels=np.arange(len(self.labels)), zero_division=0
        )


def count_left_out(n_left_out: int) -> str:
    """Return the number of images outside the target task as text."""
    return f"{n_left_out:,} image{'' if n_left_out == 1 else 's'} outside the target task"


def evaluate(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    split: ClassSplit | None = None,
    class_names: ClassNames | None = None,
) -> Evaluation:
    """Predict images and compare the labels with the true ones.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier.
    X : array-like of shape (n, ...)
        Input of the classifier.
    y : array-like of shape (n,)
        True labels.
    split : ClassSplit, default=None
        The labels of both tasks. As in `TransferClassifier.score`, rows with a known label outside
        the target task are left out.
    class_names : dict or sequence of str, default=None
        Names of labels.

    Raises
    ------
    TypeError, ValueError
        If lengths differ, labels have another type than in `fit`, or no row is scored.
    """
    known = estimator.classes_ if split is None else split.known
    labels, _ = check_scored_data(X, y, None, known)
    rows = np.arange(len(labels)) if split is None else np.flatnonzero(split.scored_rows(labels))
    predicted = predict_in_chunks(estimator.predict, X, rows)
    classes = np.asarray(estimator.classes_)
    return Evaluation(
        _cast_labels(labels[rows], classes.dtype),
        predicted,
        classes,
        class_names,
        n_left_out=len(labels) - len(rows),
    )


def _cast_labels(labels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return labels in the type of the classes, such as 1 for 1.0, if that changes no value."""
    with np.errstate(invalid="ignore"):  # from a number that is too large
        cast = labels.astype(dtype)
    return cast if np.array_equal(cast, labels) else labels
