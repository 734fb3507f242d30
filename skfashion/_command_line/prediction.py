"""Labels of image files, with their probabilities."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from .._data.class_split import encode
from .._data.image_files import find_faults
from .._estimators.find_classifier import fitted_classifier
from ..datasets._image_folder import list_images


def expand_path(path: str, *, has_patterns: bool = os.name == "nt") -> list[str]:
    """Return the path of a file, those of all images in a folder, or of all matches of a pattern.

    Parameters
    ----------
    path : str
        The path. Folders among the matches of a pattern are replaced by their images.
    has_patterns : bool
        Whether it may be a pattern, such as ``*.png``. Shells of Windows leave patterns to the
        program.

    Raises
    ------
    ValueError
        If a folder has no images.
    """
    found = [path]
    # `Path.exists` and `Path.is_dir` raise errors for some paths of missing files.
    if has_patterns and not os.path.exists(path):  # noqa: PTH110
        folder, pattern = Path(path).parent, Path(path).name
        found = sorted(map(str, folder.glob(pattern))) or [path]
    return [file for each in found for file in _list_files(each)]


def _list_files(path: str) -> list[str]:
    if not os.path.isdir(path):  # noqa: PTH112
        return [path]
    images = list_images(path)
    if not images:
        raise ValueError(f"{path!r} has no images. Name image files, or a folder of them.")
    return images


def predict_labels(model: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the predicted labels, and the probability of each of them.

    Parameters
    ----------
    model : estimator
        A fitted classifier with probabilities.
    X : array-like of shape (n, ...)
        Its input.

    Returns
    -------
    labels, probabilities : ndarray of shape (n,)
        Labels as `predict` returns them. They need not be the most probable ones, as after a
        change of the threshold.
    """
    if isinstance(model, BaseSearchCV):
        return predict_labels(model.best_estimator_, X)
    if isinstance(model, Pipeline) and len(model) > 1:
        # Features are computed once for both predictions.
        return predict_labels(model[-1], model[:-1].transform(X))
    classes, probabilities = np.asarray(model.classes_), model.predict_proba(X)
    if _predicts_most_probable(model):
        columns = probabilities.argmax(axis=1)
    else:
        columns = encode(classes, model.predict(X))
    return classes[columns], probabilities[np.arange(len(columns)), columns]


def _predicts_most_probable(model: Any) -> bool:
    """Whether the most probable classes are those of `predict`, so that one pass is enough."""
    try:
        fitted_classifier(model)
    except (TypeError, NotFittedError):
        return False
    return True


def predict_files(model: Any, paths: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield each file with its label and the label's probability, or with its fault."""
    faults = find_faults(paths)
    found = iter(_predict_readable(model, [path for path in paths if path not in faults]))
    for path in paths:
        yield (path, faults[path]) if path in faults else (path, next(found))


def _predict_readable(model: Any, paths: list[str]) -> list[Any]:
    """Return predictions of files whose headers are right.

    A file that is damaged further on makes the prediction of all files fail. Halves of them are
    predicted then, down to that file.
    """
    if not paths:
        return []
    try:
        # A text that is a number is not taken for a path.
        return list(zip(*predict_labels(model, [Path(path) for path in paths]), strict=True))
    except (ValueError, OSError) as error:
        if len(paths) == 1:
            return [error.__cause__ or error]
    half = len(paths) // 2
    return _predict_readable(model, paths[:half]) + _predict_readable(model, paths[half:])
