"""The scores of a classifier on image files."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix


@dataclass(frozen=True)
class Evaluation:
    """Predictions for image files, and their scores.

    Parameters
    ----------
    files : ndarray of str of shape (n,)
        Paths of the images.
    y_true, y_pred : ndarray of str of shape (n,)
        Names of the true and of the predicted classes.
    confidence : ndarray of shape (n,)
        Probabilities of the predicted classes.
    known_labels : ndarray of str of shape (n_classes,)
        The classes of the classifier.
    """

    files: np.ndarray
    y_true: np.ndarray
    y_pred: np.ndarray
    confidence: np.ndarray
    known_labels: np.ndarray

    @property
    def n_images(self) -> int:
        """The number of images."""
        return len(self.y_true)

    @property
    def accuracy(self) -> float:
        """The share of images whose class is predicted."""
        return float(np.mean(self.y_true == self.y_pred))

    @cached_property
    def labels(self) -> list[str]:
        """All classes that are true or predicted for an image, sorted."""
        return sorted({*self.y_true.tolist(), *self.y_pred.tolist()})

    @property
    def unknown_labels(self) -> list[str]:
        """Classes of images that the classifier cannot predict."""
        return sorted(set(self.y_true.tolist()) - set(self.known_labels.tolist()))

    @cached_property
    def confusion(self) -> np.ndarray:
        """How many images of each class (rows) are predicted as which (columns)."""
        return confusion_matrix(self.y_true, self.y_pred, labels=self.labels)

    @cached_property
    def scores(self) -> dict[str, Any]:
        """scikit-learn's `classification_report` as a dict."""
        return self._report(output_dict=True)

    def format_scores(self) -> str:
        """Return scikit-learn's `classification_report` as text."""
        return self._report(digits=3)

    def _report(self, **options: Any) -> Any:
        # A class that is never predicted has a precision of 0.
        return classification_report(
            self.y_true, self.y_pred, labels=self.labels, zero_division=0, **options
        )


def evaluate(model: Any, files: np.ndarray, y: np.ndarray) -> Evaluation:
    """Predict files and compare the classes with the true ones.

    Labels that are no text are compared by their names, as folders have names only. Images of
    classes that a class split left out are left out, as in `TransferClassifier.score`.

    Parameters
    ----------
    model : estimator
        A fitted classifier with probabilities.
    files : ndarray of str of shape (n,)
        Paths of images.
    y : ndarray of str of shape (n,)
        Names of their classes.

    Returns
    -------
    Evaluation
        The predictions.

    Raises
    ------
    ValueError
        If a file cannot be read, or no image is of a class to predict.
    """
    known = np.asarray(model.classes_).astype(str)
    source = np.asarray(getattr(model, "source_classes_", [])).astype(str)
    if not np.isin(y, known).any():
        raise ValueError(
            f"No image is of a class to predict, {', '.join(known)}: their subfolders are "
            f"{', '.join(np.unique(y))}. Name the subfolders as the classes."
        )
    rows = np.flatnonzero(~np.isin(y, np.setdiff1d(source, known)))
    probabilities = model.predict_proba(files[rows])
    return Evaluation(
        files=files[rows],
        y_true=y[rows],
        y_pred=known[probabilities.argmax(axis=1)],
        confidence=probabilities.max(axis=1),
        known_labels=known,
    )
