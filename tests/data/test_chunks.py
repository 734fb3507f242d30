"""Rows in parts: nothing is left out, nothing comes twice, and no part exceeds its limit."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal

from skfashion._data import chunks


def covered(slices):
    return [index for part in slices for index in range(part.start, part.stop)]


@pytest.mark.parametrize("n_rows", [0, 1, 7, 8, 9, 100])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("most_bytes", [1, 24, 100, 10**9])
def test_slices_cover_the_rows_in_order(n_rows, batch_size, most_bytes):
    parts = list(chunks.chunk_rows(n_rows, 3, most_bytes, batch_size))
    assert covered(parts) == list(range(n_rows))
    sizes = [part.stop - part.start for part in parts]
    assert all(size % batch_size == 0 for size in sizes[:-1])
    assert all(size * 3 <= max(most_bytes, 3 * batch_size) for size in sizes)


def test_slices_are_as_large_as_the_limit_allows():
    parts = list(chunks.chunk_rows(100, row_bytes=10, most_bytes=95, batch_size=4))
    assert [part.stop - part.start for part in parts] == [8] * 12 + [4]


def test_rows_of_zero_bytes_are_one_part():
    assert covered(chunks.chunk_rows(5, 0, 8)) == list(range(5))


def test_scans_follow_the_limit(monkeypatch):
    array = np.zeros((10, 3, 2), np.float32)
    assert chunks.bytes_of_row(array) == 24
    monkeypatch.setattr(chunks, "SCAN_BYTES", 72)
    assert [part.stop - part.start for part in chunks.scan_chunks(array)] == [3, 3, 3, 1]


def test_indices_follow_the_working_memory():
    indices = np.arange(10) * 2
    with sklearn.config_context(working_memory=1):
        parts = chunks.chunks_in_working_memory(indices, 2**18)
    assert [len(part) for part in parts] == [4, 4, 2]
    assert_array_equal(np.concatenate(parts), indices)
    assert len(chunks.chunks_in_working_memory(indices, 0)) == 1
