"""Row subsets, images made from them, and the interface that both share with arrays."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._data import chunks
from skfashion._data.array_source import ArraySource
from skfashion._data.lazy_images import ImageFormat
from skfashion._data.row_subset import RowSubset

ARRAY = np.arange(40, dtype=np.int64).reshape(10, 4)


def test_all_rows_without_indices():
    rows = RowSubset(ARRAY)
    assert (len(rows), rows.shape, rows.dtype) == (10, (10, 4), np.int64)
    assert np.shares_memory(rows[2:5], ARRAY)
    assert_array_equal(rows[np.array([7, 1])], ARRAY[[7, 1]])


@pytest.mark.parametrize("selected", [[3, 1, 8], np.arange(10) % 2 == 1], ids=["indices", "mask"])
def test_a_subset_reads_the_selected_rows(selected):
    rows = RowSubset(ARRAY).take(selected)
    expected = ARRAY[selected]
    assert rows.shape == expected.shape
    assert_array_equal(rows[:], expected)
    assert_array_equal(rows[1:3], expected[1:3])
    assert rows.extremes == (expected.min(), expected.max())


def test_a_subset_of_a_subset():
    rows = RowSubset(ARRAY).take(np.array([9, 7, 5, 3])).take(np.array([2, 0]))
    assert_array_equal(rows[:], ARRAY[[5, 9]])


def test_extremes_of_parts_are_those_of_the_whole(monkeypatch):
    monkeypatch.setattr(chunks, "SCAN_BYTES", 40)
    shuffled = np.random.default_rng(0).permutation(ARRAY.ravel()).reshape(ARRAY.shape)
    assert RowSubset(shuffled).extremes == (0, 39)


def test_images_are_made_from_the_rows_that_are_read():
    rows = RowSubset(np.arange(36, dtype=np.uint8).reshape(4, 9))
    images = ImageFormat((3, 3, 1), (0.0, 255.0)).lazy_images(rows, "float32")
    assert images.shape == (4, 3, 3, 1)
    assert images.nbytes == 36
    some = images.take(np.array([3, 1]))
    assert_array_equal(some[:][..., 0], rows[:].reshape(4, 3, 3)[[3, 1]])
    assert_array_equal(np.stack(list(some)), some[:])


@pytest.mark.parametrize(
    "source",
    [
        ARRAY,
        RowSubset(ARRAY),
        RowSubset(ARRAY).take(np.arange(10)),
        ImageFormat((2, 2, 1), (0.0, 255.0)).lazy_images(RowSubset(ARRAY), "float64"),
    ],
    ids=["array", "all rows", "subset", "images"],
)
def test_the_interface_is_that_of_an_array(source: ArraySource):
    indices = np.array([4, 0])
    for key, length in ((indices, 2), (slice(1, 4), 3), (slice(None), 10)):
        read = source[key]
        assert isinstance(read, np.ndarray)
        assert read.shape == (length, *source.shape[1:])
        assert read.dtype == source.dtype
        assert_array_equal(read.reshape(length, -1), ARRAY[key])
    assert len(source) == source.shape[0]
