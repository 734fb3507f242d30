import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._cache.hashing import digest, hash_array, hash_rows
from skfashion._data import chunks


@pytest.mark.parametrize(
    "other",
    [
        np.arange(6.0).reshape(3, 2),
        np.arange(6.0, dtype=np.float32).reshape(2, 3),
        np.add(np.arange(6.0).reshape(2, 3), [0, 0, 1e-12]),
    ],
    ids=["shape", "type", "value"],
)
@pytest.mark.parametrize("function", [digest, hash_array])
def test_hashes_of_different_arrays_differ(function, other):
    array = np.arange(6.0).reshape(2, 3)
    assert function(array) == function(array.copy())
    assert function(array) != function(other)


def test_a_hash_reads_values_not_memory_order():
    array = np.arange(6.0).reshape(2, 3)
    for function in digest, hash_array:
        assert function(np.asfortranarray(array)) == function(array)
    assert_array_equal(hash_rows(np.asfortranarray(array)), hash_rows(array))


def test_the_boundary_between_parts_counts():
    assert digest("ab", "c") != digest("a", "bc")


def test_a_hash_does_not_depend_on_the_size_of_parts(monkeypatch):
    array = np.random.default_rng(0).random((50, 4))
    whole = hash_array(array)
    monkeypatch.setattr(chunks, "SCAN_BYTES", 100)
    assert hash_array(array) == whole


def test_rows_are_hashed_one_by_one():
    rows = np.random.default_rng(0).integers(0, 255, (10, 4, 4), dtype=np.uint8)
    hashes = hash_rows(rows)
    assert hashes.shape == (10, 2)
    assert len({tuple(row) for row in hashes}) == 10
    assert_array_equal(hash_rows(rows[[7, 3]]), hashes[[7, 3]])
