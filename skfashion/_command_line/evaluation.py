"""The scores of a classifier on image files."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from .._estimators.find_classifier import fitted_classifier
from .._reporting.evaluation import Evaluation
from .prediction import predict_labels


@dataclass(frozen=True, kw_only=True)
class FileEvaluation(Evaluation):
    """Predictions for image files, and their scores.

    Parameters
    ----------
    y_true, y_pred, known_labels, class_names, n_left_out
        As for `Evaluation`. Labels are names of classes.
    files : ndarray of str of shape (n,)
        Paths of the images.
    confidence : ndarray of shape (n,)
        Probabilities of the predicted classes.
    """

    files: np.ndarray
    confidence: np.ndarray


def evaluate_files(model: Any, files: np.ndarray, y: np.ndarray) -> FileEvaluation:
    """Predict files and compare the classes with the true ones.

    Labels that are not text are compared by their names, because folders have only names. Images of
    classes outside the target task are left out, as in `TransferClassifier.score`.

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
    FileEvaluation
        The predictions.

    Raises
    ------
    ValueError
        If a file cannot be read, or no image is of a class to predict.
    """
    known = np.asarray(model.classes_).astype(str)
    if not np.isin(y, known).any():
        raise ValueError(
            f"No image is of a class that the model predicts, {', '.join(known)}: the subfolders "
            f"are {', '.join(np.unique(y))}. Name the subfolders after the classes."
        )
    rows = np.flatnonzero(~np.isin(y, _find_left_out(model)))
    predicted, confidence = predict_labels(model, files[rows])
    return FileEvaluation(
        y_true=y[rows],
        y_pred=predicted.astype(str),
        known_labels=known,
        n_left_out=len(y) - len(rows),
        files=files[rows],
        confidence=confidence,
    )


def _find_left_out(model) -> np.ndarray:
    """Return the names of the classes outside the target task; none for models without tasks."""
    try:
        split = fitted_classifier(model, inside_others=True)._fitted.split
    except (TypeError, NotFittedError):
        return np.array([], str)
    return split.left_out.astype(str)
