"""Shapes of images, and the rows that they become."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._data.image_shapes import as_rows, complete_shape, find_image_shape, fold_shape


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
    with pytest.raises(ValueError, match=r"multiplies up to 12 numbers .* rows of X have 13"):
        fold_shape(13, (3, 4))


@pytest.mark.parametrize("image_shape", [(3,), (1, 2, 3, 4), (2.0, 3), (0, 3), ("3", 4)])
def test_an_image_shape_is_whole_pixels(image_shape):
    with pytest.raises(ValueError, match=r"must be \(height, width\) .* in whole pixels, got"):
        complete_shape(image_shape)
    assert complete_shape((np.int64(3), 4)) == (3, 4, 1)
