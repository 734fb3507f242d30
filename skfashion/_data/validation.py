"""Validation of X, y and sample weights by scikit-learn's functions, for images and flat rows."""

from contextlib import contextmanager

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from .image_shapes import as_rows
from .labelled_data import LabelledData


@contextmanager
def input_kept_on_failure(estimator):
    """Restore `n_features_in_` and `feature_names_in_` of the last fit if this one fails."""
    names = ("n_features_in_", "feature_names_in_")
    before = {name: value for name, value in vars(estimator).items() if name in names}
    try:
        yield
    except BaseException:
        for name in names:
            vars(estimator).pop(name, None)
        vars(estimator).update(before)
        raise


def check_rows(estimator, X, image_shape=None, **y):
    """Validate `X`, for fit and predict alike.

    Parameters
    ----------
    estimator : TransferClassifier
        In the first fit it learns the number of features and their names; later `X` is compared
        with them.
    X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
        Images, or flat rows.
    image_shape : tuple of (h, w, c), optional
        Shape of the images that the estimator was fitted on; `None` in the first fit.
    **y
        ``y=y`` also validates labels.

    Returns
    -------
    rows : ndarray of shape (n, n_features)
        Flat rows; with `y`, a tuple of rows and labels.
    shape : tuple of (h, w, c) or None
        Shape of the images in `X`; `None` for flat rows.

    Raises
    ------
    ValueError
        If `X` does not hold finite numbers, or has another shape than in `fit`.
    """
    rows, shape = as_rows(X)
    if None not in (shape, image_shape) and shape != image_shape:
        raise ValueError(
            f"X has images of shape {shape}, but {type(estimator).__name__} was fitted on images "
            f"of shape {image_shape}. Resize or crop them to that."
        )
    return validate_data(estimator, rows, reset=image_shape is None, **y), shape


def check_training_data(
    estimator, X, y, sample_weight, image_shape=None
) -> tuple[LabelledData, tuple[int, int, int] | None]:
    """Validate images with labels and sample weights; parameters as for `check_rows`.

    Returns
    -------
    data : LabelledData
        All rows except those of weight zero.
    shape : tuple of (h, w, c) or None
        Shape of the images in `X`; `None` for flat rows.
    """
    (rows, y), shape = check_rows(estimator, X, image_shape, y=y)
    check_classification_targets(y)
    if sample_weight is None:
        weight = np.ones(len(y))
    else:
        weight = _check_sample_weight(
            sample_weight, rows, dtype=np.float64, ensure_non_negative=True
        )
    return LabelledData.of_positive_weight(rows, y, weight), shape


def check_validation_data(estimator, validation, image_shape) -> LabelledData | None:
    """Validate the validation set of `fit`.

    Parameters
    ----------
    estimator : TransferClassifier
        As for `check_rows`.
    validation : tuple of (X_val, y_val, sample_weight_val)
        The arguments of `fit`.
    image_shape : tuple of (h, w, c)
        Shape of the training images.

    Returns
    -------
    LabelledData or None
        The validation set; `None` if there is none.

    Raises
    ------
    ValueError
        If one of `X_val` and `y_val` is missing, or the data are invalid.
    """
    X_val, y_val, sample_weight_val = validation
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was passed to fit without {missing}. Pass both or neither.")
    if X_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val was passed to fit without X_val and y_val.")
        return None
    return check_training_data(estimator, X_val, y_val, sample_weight_val, image_shape)[0]
