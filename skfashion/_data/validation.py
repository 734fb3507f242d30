"""Validation of data: scikit-learn's own, for images as well as flat rows."""

from contextlib import contextmanager

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from .image_shapes import as_rows
from .labelled_data import LabelledData


@contextmanager
def input_kept_on_failure(estimator):
    """Put back what scikit-learn knows of the input of the last fit, if this one fails."""
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
        Learns the number of features and their names, or is asked for them.
    X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
        Images, or flat rows.
    image_shape : tuple of (h, w, c), optional
        What the estimator was fitted on; `None` in the first fit.
    **y
        ``y=y`` validates labels, too.

    Returns
    -------
    rows : ndarray of shape (n, n_features)
        Flat rows; with `y`, a tuple of rows and labels.
    shape : tuple of (h, w, c) or None
        The shape of the images in `X`, `None` for flat rows.

    Raises
    ------
    ValueError
        If the data are not finite numbers of the right shape.
    """
    rows, shape = as_rows(X)
    if None not in (shape, image_shape) and shape != image_shape:
        raise ValueError(
            f"X has images of shape {shape}, but {type(estimator).__name__} was fitted on images "
            f"of shape {image_shape}. Resize or crop them to that."
        )
    return validate_data(estimator, rows, reset=image_shape is None, **y), shape


def check_training_data(estimator, X, y, sample_weight, image_shape=None):
    """Validate rows with labels and weights; parameters as of `check_rows`.

    Returns
    -------
    samples : LabelledData
        All rows but those of weight zero.
    shape : tuple of (h, w, c) or None
        The shape of the images in `X`, `None` for flat rows.
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


def check_validation_data(estimator, watched, image_shape):
    """Validate ``(X_val, y_val, sample_weight_val)``; return samples, or `None` for none."""
    X_val, y_val, sample_weight_val = watched
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was passed to fit without {missing}. Pass both or neither.")
    if X_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val was passed to fit without X_val and y_val.")
        return None
    return check_training_data(estimator, X_val, y_val, sample_weight_val, image_shape)[0]
