import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from skfashion._data.image_shapes import as_rows, fold_shape
from skfashion._data.lazy_images import ImageFormat
from skfashion._data.pixel_range import learn_pixel_range
from skfashion._data.row_subset import RowSubset


@pytest.mark.parametrize(
    ("n_features", "shape"),
    [
        (784, (28, 28, 1)),
        (64, (8, 8, 1)),
        (3072, (32, 32, 3)),
        (192, (8, 8, 3)),
        (1, (8, 8, 1)),
        (3, (8, 8, 1)),
        (27, (8, 8, 1)),
        (49, (8, 8, 1)),
        (65, (9, 9, 1)),
        (785, (29, 29, 1)),
    ],
)
def test_rows_fold_into_squares(n_features, shape):
    assert fold_shape(n_features) == shape


def test_rows_fold_as_told():
    assert fold_shape(12, (3, 4)) == (3, 4, 1)
    assert fold_shape(36, (3, 4, 3)) == (3, 4, 3)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (np.array([[3, 4]], np.uint8), (0, 255)),
        (np.array([[0, 255]]), (0, 255)),
        (np.array([[0, 1]]), (0, 1)),
        (np.array([[0.25, 0.5]]), (0, 1)),
        (np.array([[0.0, 3.5]]), (0, 255)),
        (np.array([[-1.0, 1.0]]), (-1, 1)),
        (np.array([[0, 256]]), (0, 256)),
        (np.array([[True, False]]), (0, 1)),
    ],
)
def test_pixel_range(rows, expected):
    assert learn_pixel_range(RowSubset(rows)) == expected


def test_digits_that_are_not_scaled_draw_a_warning(make):
    X, y = load_digits(return_X_y=True)
    with pytest.warns(UserWarning, match=r"values up to 16, .* black. If 16 .* give X / 16\."):
        make(epochs=1).fit(X[:50], y[:50])
    assert make(epochs=1).fit(X[:50] / 16, y[:50]).pixel_range_ == (0, 1)


def test_uint8_is_not_copied():
    rows = np.arange(36, dtype=np.uint8).reshape(4, 9)
    images = ImageFormat((3, 3, 1), (0.0, 255.0)).lazy_images(RowSubset(rows), "float32")[:]
    assert images.dtype == np.uint8
    assert np.shares_memory(images, rows)


def test_other_numbers_become_0_to_255():
    rows = np.array([[-1.0, 0.0, 1.0]])
    images = ImageFormat((2, 2, 1), (-1.0, 1.0)).lazy_images(RowSubset(rows), "float32")[:]
    assert images.dtype == np.float32
    assert_array_equal(images.ravel(), [0, 127.5, 255, 0])


def test_constant_pixels_divide_by_nothing():
    rows = np.full((2, 4), 300.0)
    images = ImageFormat((2, 2, 1), learn_pixel_range(RowSubset(rows))).lazy_images(
        RowSubset(rows), "float64"
    )[:]
    assert_array_equal(images, np.zeros((2, 2, 2, 1)))


def test_as_rows_shows_the_same_numbers():
    images = np.arange(24).reshape(2, 3, 4)
    rows, shape = as_rows(images)
    assert shape == (3, 4, 1)
    assert np.shares_memory(rows, images)
    again, no_shape = as_rows(rows)
    assert again is rows
    assert no_shape is None
