"""Validation of X, y and sample weights by scikit-learn's functions, for images and flat rows."""

from contextlib import contextmanager

import numpy as np
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from .._messages import warn_user
from .class_split import MOST_WEIGHT
from .decoded_rows import DecodedRows
from .image_input import read_images
from .image_list import check_lengths
from .image_shapes import FEWEST_PIXELS, as_rows, complete_shape
from .labelled_data import LabelledData
from .labels import KINDS_OF_LABELS, WITHOUT_UNIT, check_kind_of_labels
from .lazy_images import ImageFormat
from .named_errors import errors_name

# As many rows as each has values are taken for one image from this number on. scikit-learn's
# checks fit 10 rows of 10 values.
_SMALLEST_SQUARE = 16
MOST_BYTES_OF_NUMBER = 8
# scikit-learn's attributes of a fitted estimator that describe `X`.
INPUT_ATTRIBUTES = ("n_features_in_", "feature_names_in_")
# If all weights are smaller, they are zero in float32.
LEAST_WEIGHT = 1 / MOST_WEIGHT


@contextmanager
def input_kept_on_failure(estimator):
    """Restore `n_features_in_` and `feature_names_in_` of the last fit if this one fails.

    An error after the fitted state is set leaves those of the new fit.
    """
    fitted = vars(estimator).get("_fitted")
    before = {name: value for name, value in vars(estimator).items() if name in INPUT_ATTRIBUTES}
    try:
        yield
    except BaseException:
        if vars(estimator).get("_fitted") is fitted:
            for name in INPUT_ATTRIBUTES:
                vars(estimator).pop(name, None)
            vars(estimator).update(before)
        raise


def check_rows(estimator, X, image_format: ImageFormat | None = None, name: str = "X"):
    """Validate `X`, for fit and predict alike.

    Parameters
    ----------
    estimator : TransferClassifier
        In the first fit it learns the number of features and their names; later `X` is compared
        with them.
    X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
        Images, flat rows, or a list of paths or of images of any size.
    image_format : ImageFormat, optional
        The format that `fit` learned; `None` in the first fit.
    name : str, default="X"
        The parameter that errors name.

    Returns
    -------
    rows : ndarray or DecodedRows of shape (n, n_features)
        Flat rows.
    shape : tuple of (h, w, c) or None
        Shape of the images in `X`; `None` for flat rows.

    Raises
    ------
    ValueError
        If `X` does not hold finite numbers, or has another shape than in `fit`.
    """
    is_first = image_format is None
    image_shape = None if image_format is None else image_format.image_shape
    with errors_name(name):
        images = read_images(estimator, X, image_format)
        if isinstance(images, DecodedRows):
            return _check_decoded(estimator, images, is_first)
        X = X if images is None else images
        known_shape = estimator.image_shape if is_first else image_shape
        rows, shape = as_rows(X, known_shape)
        _check_several_images(estimator, rows, shape, known_shape, is_first)
        if not is_first and shape not in (None, image_shape):
            raise ValueError(
                f"X has images of shape {shape}, but {type(estimator).__name__} was fitted on "
                f"images of shape {image_shape}. Resize or crop them to that."
            )
        _check_columns(rows)
        rows = validate_data(estimator, rows, reset=is_first)
        _check_numbers(rows)
    return rows, shape


def _check_columns(rows) -> None:
    """Check for complex columns, which scikit-learn makes real next to nullable ones."""
    kinds = [getattr(dtype, "kind", None) for dtype in getattr(rows, "dtypes", ())]
    if "c" in kinds:
        raise ValueError(
            f"X must hold real numbers, but column {kinds.index('c')} is complex. Take its real "
            "part, or leave it out."
        )


def _check_numbers(rows: np.ndarray) -> None:
    """Check for types that scikit-learn accepts: dates, pandas' objects for them, wide floats."""
    if rows.dtype.kind not in "buif" or rows.dtype.itemsize > MOST_BYTES_OF_NUMBER:
        kind = type(rows.flat[0]).__name__ if rows.dtype == object else rows.dtype
        raise ValueError(
            f"X must hold numbers of at most 64 bits, but it holds values of type {kind}. Leave "
            "out values that are not pixels, and convert numbers: X.astype(float)."
        )


def _check_decoded(estimator, rows: DecodedRows, is_first: bool):
    """Validate images that are decoded; results as for `check_rows`."""
    if is_first:
        # Without columns there are no names of columns.
        vars(estimator).pop("feature_names_in_", None)
        estimator.n_features_in_ = rows.shape[1]
    return rows, rows.decoder.shape


def _check_several_images(estimator, rows, shape, known_shape, is_first) -> None:
    """Check that `X` is not one image, whose pixel rows would be taken for images.

    If the shape of images is unknown, `X` raises a warning if it may be one square image.
    """
    read_as = rows.shape if shape is None else (len(rows), *shape)
    if known_shape is not None:
        known = complete_shape(known_shape)
        one_image = {known[:2] if known[2] == 1 else known, (*known, 1)}
        n_features = np.prod(known) if is_first else estimator.n_features_in_
        if read_as in one_image and rows.shape[1] != n_features:
            raise ValueError(
                f"X has the shape of one image, {known}. X must be images of shape (n, h, w) or "
                "(n, h, w, c), or flat rows. One image? Pass X[None]."
            )
        return
    is_square = len(read_as) > 1 and read_as[0] == read_as[1] >= _SMALLEST_SQUARE
    is_short_row = len(read_as) == 2 and read_as[1] < FEWEST_PIXELS
    if is_square and (is_short_row or read_as[2:] in ((3, 1), (4, 1))):
        kind = "flat rows" if shape is None else "images"
        warn_user(
            f"X is read as {read_as[0]} {kind}, each of shape {read_as[1:]}, but may be one square "
            "image. One image? Pass X[None]."
        )


def check_training_data(
    estimator, X, y, sample_weight, image_format: ImageFormat | None = None, suffix: str = ""
) -> tuple[LabelledData, tuple[int, int, int] | None]:
    """Validate images with labels and sample weights; parameters as for `check_rows`.

    Parameters
    ----------
    estimator, X, image_format
        As for `check_rows`.
    y : array-like of shape (n,)
        Labels.
    sample_weight : array-like of shape (n,) or None
        Sample weights.
    suffix : str, default=""
        Suffix of the names of these parameters.

    Returns
    -------
    data : LabelledData
        All rows except those of weight zero.
    shape : tuple of (h, w, c) or None
        Shape of the images in `X`; `None` for flat rows.
    """
    check_not_swapped(X, y, suffix)
    rows, shape = check_rows(estimator, X, image_format, f"X{suffix}")
    y = check_labels(y, f"y{suffix}", warn=True)
    with errors_name(f"X{suffix} and y{suffix}"):
        check_consistent_length(rows, y)
    weight = np.ones(len(y))
    if sample_weight is not None:
        weight = check_weights_of_rows(sample_weight, rows, f"sample_weight{suffix}")
    return LabelledData.of_positive_weight(rows, y, weight), shape


def check_not_swapped(X, y, suffix: str = "") -> None:
    """Check that `X` and `y`, as arrays, are not each other.

    Raises
    ------
    ValueError
        If `X` has the shape of labels, and `y` that of images. One-hot rows are labels.
    """
    shape_of_X: tuple[int, ...] = getattr(X, "shape", ())
    shape_of_y: tuple[int, ...] = getattr(y, "shape", ())
    has_rows = len(shape_of_y) > 1 and shape_of_y[1] > 1
    if len(shape_of_X) == 1 and has_rows and not _are_one_hot(np.asarray(y)):
        raise ValueError(
            f"X{suffix} has shape {shape_of_X} and y{suffix} has shape {shape_of_y}, so they seem "
            f"to be swapped. Pass images as X{suffix} and labels as y{suffix}."
        )


def _are_one_hot(y: np.ndarray) -> bool:
    is_one = y == 1
    return y.ndim == 2 and bool(np.all(is_one | (y == 0)) and np.all(is_one.sum(axis=1) == 1))


def check_weights_of_rows(sample_weight, rows, name: str = "sample_weight") -> np.ndarray:
    """Validate sample weights.

    Parameters
    ----------
    sample_weight : array-like of shape (n,)
        Input of the user.
    rows : array-like of length n
        The rows that they belong to.
    name : str, default="sample_weight"
        The parameter that errors name.

    Returns
    -------
    ndarray of float64 of shape (n,)
        The weights.

    Raises
    ------
    ValueError
        If a weight is negative, or the largest one is out of range.
    """
    with errors_name(name):
        dtype = np.asarray(sample_weight).dtype
        if dtype.kind in "cmM":  # scikit-learn makes real numbers of some
            raise ValueError(
                f"{name} must hold real numbers, but its type is {dtype}. Pass one real number for "
                "each row."
            )
        with np.errstate(over="ignore"):  # wider floats become infinite, which is an error
            weight = _check_sample_weight(
                sample_weight, rows, dtype=np.float64, ensure_non_negative=True
            )
        if not LEAST_WEIGHT <= weight.max() <= MOST_WEIGHT:
            raise ValueError(
                f"The largest {name} must be from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}, got "
                f"{weight.max():g}. Divide all weights by their mean."
            )
    return weight


def check_labels(y, name: str = "y", warn: bool = False) -> np.ndarray:
    """Validate labels; with `warn` a column of them raises scikit-learn's warning."""
    with errors_name(name):
        if y is None:
            raise ValueError(
                "This call requires y to be passed, but the target y is None. Pass one label for "
                "each row of X."
            )
        _check_one_dimension(y, name)
        y = column_or_1d(y, input_name=name, warn=warn)
        if y.dtype.kind not in KINDS_OF_LABELS:
            raise ValueError(
                f"{name} must hold labels, such as strings or whole numbers, but its type is "
                f"{y.dtype}. Convert them, for example with {name}.astype(str)."
            )
        if y.dtype in WITHOUT_UNIT:
            raise ValueError(
                f"{name} must have times with a unit, but its type is {y.dtype}. Name one, as in "
                f"{name}.astype('timedelta64[s]')."
            )
        _check_no_label_is_missing(y, name)
        assert_all_finite(y, input_name=name)
        with np.errstate(invalid="ignore"):  # scikit-learn casts huge floats to integers
            # For valid types this check only warns about regression.
            if type_of_target(y) not in ("binary", "multiclass"):
                check_classification_targets(y)
    return y


def warn_about_regression(y: np.ndarray) -> None:
    """Raise scikit-learn's warning if more than half of the training rows have distinct labels."""
    check_classification_targets(y)


def _check_one_dimension(y, name: str) -> None:
    """Check that there is one label a row, as one-hot rows do not have."""
    shape: tuple[int, ...] = getattr(y, "shape", ())
    if len(shape) > 1 and shape[1] > 1:
        raise ValueError(
            f"{name} must be a 1d array with one label for each row, got an array of shape "
            f"{shape}. Labels of one-hot rows are {name}.argmax(axis=1)."
        )


def _check_no_label_is_missing(y: np.ndarray, name: str) -> None:
    """Check for types that scikit-learn would compare with other labels; it finds NaN itself."""
    if y.dtype.kind in "mM":
        missing = np.flatnonzero(np.isnat(y)).tolist()
    elif y.dtype == object:
        missing = [row for row, label in enumerate(y) if label is None or is_pandas_na(label)]
    else:
        return
    for row in missing:
        raise ValueError(f"{name} has no label in row {row}: {y[row]!r}. Leave out such rows.")


def check_scored_data(X, y, sample_weight, classes) -> tuple[np.ndarray, np.ndarray | None]:
    """Validate the input of `score`, except for the contents of `X`.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        Images.
    y : array-like of shape (n,)
        Labels.
    sample_weight : array-like of shape (n,) or None
        Weights of the rows.
    classes : ndarray
        Labels of `fit`.

    Returns
    -------
    y : ndarray of shape (n,)
        Labels.
    sample_weight : ndarray of shape (n,) or None
        Weights of the rows.

    Raises
    ------
    TypeError, ValueError
        If lengths differ, labels are of another type than those of `fit`, or weights are invalid.
    """
    check_not_swapped(X, y)
    y = check_labels(y)
    check_kind_of_labels(y, classes)
    with errors_name("X"):
        n_rows = check_lengths(X, y=y)
    if not n_rows:
        raise ValueError("X has no images to score. Pass at least one.")
    if sample_weight is not None:
        sample_weight = check_weights_of_rows(sample_weight, y)
    return y, sample_weight


def check_validation_data(estimator, validation, image_format: ImageFormat) -> LabelledData | None:
    """Validate the validation set of `fit`.

    Parameters
    ----------
    estimator : TransferClassifier
        As for `check_rows`.
    validation : tuple of (X_val, y_val, sample_weight_val)
        The arguments of `fit`.
    image_format : ImageFormat
        The format of the training images.

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
            raise ValueError(
                "sample_weight_val was passed to fit without X_val and y_val. Pass X_val and "
                "y_val, or leave it out."
            )
        return None
    return check_training_data(estimator, X_val, y_val, sample_weight_val, image_format, "_val")[0]
