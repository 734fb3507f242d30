"""Shapes of images, and the rows that they become."""

import numpy as np
import polars
import pytest
from numpy.testing import assert_array_equal

from skfashion import BackboneFeatures, TransferClassifier
from skfashion._data.image_shapes import (
    as_rows,
    complete_shape,
    find_image_shape,
    fold_shape,
    warn_if_ambiguous,
)


@pytest.mark.parametrize("shape", [(5, 9, 8), (5, 9, 8, 1), (5, 9, 8, 3), (5, 9, 8, 4)])
def test_images_become_rows_and_keep_their_shape(shape):
    images = np.arange(np.prod(shape)).reshape(shape)
    rows, image_shape = as_rows(images)
    assert image_shape == (*shape, 1)[1:4]
    assert_array_equal(rows, images.reshape(5, -1))


def test_lists_of_images_become_rows():
    rows, image_shape = as_rows([[[1, 2, 3], [4, 5, 6]]] * 4)
    assert image_shape == (2, 3, 1)
    assert rows.shape == (4, 6)


def test_frames_pass_through():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.zeros((2, 64)))
    assert as_rows(frame) == (frame, None)


def test_more_than_four_dimensions():
    with pytest.raises(ValueError, match=r"X must be images of shape .* got .* \(1, 2, 3, 4, 5\)"):
        as_rows(np.zeros((1, 2, 3, 4, 5)))


def test_the_shape_of_images_is_their_own():
    assert find_image_shape((9, 8, 1), 72, None) == (9, 8, 1)
    assert find_image_shape((9, 8, 1), 72, (9, 8)) == (9, 8, 1)
    assert find_image_shape(None, 72, [9, 8]) == (9, 8, 1)
    with pytest.raises(ValueError, match=r"image_shape=\(8, 9\) is not the shape of the images"):
        find_image_shape((9, 8, 1), 72, (8, 9))


@pytest.mark.parametrize("n_features", range(1, 400))
def test_a_row_always_fits_into_its_image(n_features):
    height, width, channels = fold_shape(n_features)
    assert height == width >= 8
    assert height * width * channels >= n_features
    assert channels == 1 or height * width * channels == n_features


def test_a_row_of_another_length_than_image_shape():
    with pytest.raises(ValueError, match=r"has the product 12, .* rows of X have 13 numbers"):
        fold_shape(13, (3, 4))


@pytest.mark.parametrize("image_shape", [(3,), (1, 2, 3, 4), (2.0, 3), (0, 3), ("3", 4)])
def test_an_image_shape_is_whole_pixels(image_shape):
    with pytest.raises(ValueError, match=r"must be \(height, width\) .* in whole pixels, got"):
        complete_shape(image_shape)


@pytest.mark.parametrize("image_shape", [(np.int64(3), 4), [3, np.uint8(4), np.int32(1)]])
def test_an_image_shape_is_complete_and_of_integers_of_python(image_shape):
    shape = complete_shape(image_shape)
    assert (shape, [*map(type, shape)]) == ((3, 4, 1), [int] * 3)


# -- Plausible channels ---------------------------------------------------------------------

FIRST = r"looks like channels first.*np\.moveaxis\(X, 1, -1\).*set image_shape="


@pytest.mark.parametrize(
    "shape",
    [
        (9, 1, 28, 28),
        (9, 2, 28, 28),
        (9, 3, 28, 28),
        (9, 4, 28, 28),
        (9, 5, 28, 28),
        (9, 13, 64, 64),
        (9, 13, 48, 64),
        (9, 3, 5, 6),
    ],
)
def test_channels_that_come_first(shape):
    with pytest.raises(ValueError, match=FIRST):
        as_rows(np.zeros(shape))
    known = shape[1:]
    assert as_rows(np.zeros(shape), known)[1] == known
    with pytest.raises(ValueError, match=FIRST):
        as_rows(np.zeros(shape), known[::-1])


@pytest.mark.parametrize("shape", [(32, 32, 3, 50), (32, 30, 1, 50), (9, 28, 3, 28)])
def test_channels_between_the_sides(shape):
    with pytest.raises(ValueError, match=r"channels on axis 2.*np\.moveaxis\(X, -1, 0\)"):
        as_rows(np.zeros(shape))


@pytest.mark.parametrize(
    "shape",
    [
        (9, 28, 28, 4),
        (9, 28, 21, 13),
        (9, 21, 28, 13),
        (9, 9, 9, 103),  # patches of hyperspectral images
        (9, 25, 25, 200),
        (9, 4, 28, 3),
        (9, 28, 28, 28),
    ],
)
def test_channels_that_come_last(shape):
    assert as_rows(np.zeros(shape))[1] == shape[1:]


def test_channels_are_checked_in_fit_and_predict():
    X, y = np.random.default_rng(0).uniform(0, 1, (6, 12, 14, 14)), [0, 1] * 3
    for estimator in (TransferClassifier(), BackboneFeatures()):
        with pytest.raises(ValueError, match=FIRST):
            estimator.fit(X, y)
    accepted = TransferClassifier(epochs=0, image_shape=(12, 14, 14), random_state=0).fit(X, y)
    assert accepted.image_shape_ == (12, 14, 14)
    assert len(accepted.predict(X)) == 6
    features = BackboneFeatures(image_shape=(12, 14, 14)).fit(X)
    assert len(features.transform(X)) == 6


# -- Ambiguous folds ------------------------------------------------------------------------


@pytest.mark.parametrize("n_features", [*range(1, 64), 64, 100, 784, 3600, 3 * 9**2])
def test_rows_that_fold_in_one_way_or_are_short(n_features):
    warn_if_ambiguous(n_features, fold_shape(n_features))


@pytest.mark.parametrize(
    ("n_features", "message"),
    [
        (588, r"588 values are read as RGB .* \(14, 14, 3\), .* \(21, 28\), or of \(28, 21\)"),
        (3072, r"RGB images of shape \(32, 32, 3\), .* \(48, 64\)"),
        (2914, r"padded to 54 x 54 pixels\. Set image_shape .* such as \(47, 62\) or \(62, 47\)"),
        (700, r"700 values make no square .* padded to 27 x 27 .* such as \(25, 28\)"),
        (65, r"padded to 9 x 9 pixels\. .* such as \(height, width\) or"),
    ],
)
def test_rows_that_may_be_another_image(n_features, message):
    with pytest.warns(UserWarning, match=message):
        warn_if_ambiguous(n_features, fold_shape(n_features))


@pytest.mark.parametrize("n_features", [588, 700])
def test_ambiguous_rows_in_fit(n_features):
    X, y = np.random.default_rng(0).uniform(0, 1, (6, n_features)), [0, 1] * 3
    shape = {588: (28, 21), 700: (25, 28)}[n_features]
    for make in (
        lambda **params: TransferClassifier(epochs=0, random_state=0, **params),
        lambda **params: BackboneFeatures(random_state=0, **params),
    ):
        with pytest.warns(UserWarning, match="Set image_shape"):
            folded = make().fit(X, y)
        told = make(image_shape=shape).fit(X, y)
        assert told.image_shape_ == (*shape, 1)
        for fitted in (folded, told):
            getattr(fitted, "predict", getattr(fitted, "transform", None))(X)


def test_columns_of_polars_have_names(make, small):
    X, y = small
    names = [f"pixel {number}" for number in range(X[0].size)]
    frame = polars.DataFrame(X.reshape(len(X), -1), schema=names)
    clf = make(epochs=1).fit(frame, y)
    assert clf.feature_names_in_.tolist() == names
    expected = make(epochs=1).fit(X.reshape(len(X), -1), y).predict(X.reshape(len(X), -1))
    assert_array_equal(clf.predict(frame), expected)
    with pytest.raises(ValueError, match="The feature names should match"):
        clf.predict(frame.select(names[::-1]))
