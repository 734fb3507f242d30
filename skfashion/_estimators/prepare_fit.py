"""From the arguments of `fit` to a `Fit`: data, labels of both tasks, and format of images."""

from typing import Any

from .._data.class_split import ClassSplit, split_classes, split_first_batch
from .._data.labelled_data import LabelledData
from .._data.lazy_images import ImageFormat
from .._data.validation import (
    check_training_data,
    check_validation_data,
    errors_name,
    warn_about_regression,
)
from .fit import Fit
from .fit_progress import FitProgress
from .meta_estimators import refuse_class_split_inside


def prepare_fit(
    estimator: Any,
    X,
    y,
    sample_weight,
    validation=(None, None, None),
    *,
    resumes: bool,
    classes=None,
    is_partial: bool = False,
) -> Fit:
    """Validate the data, split its labels, and learn the shape and pixel range of images.

    Parameters
    ----------
    estimator : TransferClassifier
        The estimator. It is not changed, except for what it knows about `X`.
    X, y, sample_weight
        Arguments of `fit` or `partial_fit`.
    validation : tuple of (X_val, y_val, sample_weight_val)
        Further arguments of `fit`.
    resumes : bool
        Whether training continues from the fitted state.
    classes : ndarray of shape (n_classes,), default=None
        Argument of `partial_fit`, validated.
    is_partial : bool, default=False
        Whether this is a call of `partial_fit`.

    Raises
    ------
    TypeError, ValueError
        If data and parameters are invalid, or do not match.
    """
    refuse_class_split_inside(estimator)
    fitted_format = estimator._fitted.image_format if resumes else None
    train, shape = check_training_data(estimator, X, y, sample_weight, fitted_format)
    if not is_partial:
        warn_about_regression(train.y)
    split = _split_labels(estimator, train.y, resumes, classes, is_partial)
    used = split.target if resumes else split.used
    train = train.of_classes(used).without_other_images()
    if fitted_format is None:
        image_format = ImageFormat.learn_for(estimator, train.rows, shape, is_partial)
    else:
        image_format = fitted_format
        image_format.check_continued(estimator, train.rows, is_partial)
    validation = _check_validation(estimator, validation, image_format, split)
    n_phases = 2 if split.pretrains and not resumes else 1
    progress = FitProgress(estimator, n_phases, X, y, sample_weight)
    fitted = estimator._fitted_state() if resumes else None
    return Fit.prepare(
        estimator, image_format, split, train, validation, progress, is_partial, fitted
    )


def _check_validation(
    estimator, validation, image_format: ImageFormat, split: ClassSplit
) -> LabelledData | None:
    """Return the validation set of `fit`, `None` if there is none."""
    data = check_validation_data(estimator, validation, image_format)
    if data is None:
        return None
    data = data.without_other_images()
    split.check_validation_labels(data.y)
    with errors_name("X_val"):
        image_format.check_values(data.rows)
    return data


def _split_labels(estimator, y, resumes, classes, is_partial) -> ClassSplit:
    tasks = estimator.pretrain_classes, estimator.target_classes
    if resumes:
        return estimator._fitted.split.continued(y, *tasks, all_classes=not is_partial)
    if is_partial:
        return split_first_batch(y, classes, *tasks)
    return split_classes(y, *tasks)
