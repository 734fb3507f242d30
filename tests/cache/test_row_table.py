import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._cache.hashing import hash_rows
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import Store
from skfashion._data import chunks

HASHES = hash_rows(np.arange(100))
FEATURES = np.random.default_rng(0).random((100, 3), "float32")


@pytest.fixture
def table(tmp_path):
    return RowTable(Store(tmp_path), "key", (3,), "float32")


def read_all(table, hashes, rows_per_block=None):
    """Return features by index, and the sizes of the blocks."""
    blocks = [*table.read(hashes, rows_per_block and rows_per_block * table.row_bytes)]
    found = {
        int(index): row
        for indices, rows in blocks
        for index, row in zip(indices, rows, strict=True)
    }
    sizes = [len(indices) for indices, _ in blocks]
    assert sum(sizes) == len(found)
    return found, sizes


def test_an_empty_table_has_nothing(table):
    assert [*table.read(HASHES)] == []


def test_rows_come_back_by_their_hashes(table):
    table.add(HASHES, FEATURES, np.arange(20, 60))
    asked = np.array([59, 3, 20, 41, 20, 99])
    found, _ = read_all(table, HASHES[asked])
    assert sorted(found) == [0, 2, 3, 4]
    for index, row in found.items():
        assert_array_equal(row, FEATURES[asked[index]])


@pytest.mark.parametrize("rows_per_block", [None, 1, 16, 30, 1000])
def test_blocks_are_full_over_the_borders_of_files(table, rows_per_block):
    for start in range(0, 90, 18):
        table.add(HASHES, FEATURES, np.arange(start, start + 18))
    order = np.random.default_rng(1).permutation(100)
    found, sizes = read_all(table, HASHES[order], rows_per_block)
    assert sorted(order[[*found]]) == [*range(90)]
    for index, row in found.items():
        assert_array_equal(row, FEATURES[order[index]])
    if rows_per_block is not None:
        assert all(size == rows_per_block for size in sizes[:-1])


def test_large_features_go_into_several_files(table, tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "FILE_BYTES", 30 * 12)
    table.add(HASHES, FEATURES, np.arange(100))
    assert len([*tmp_path.rglob("*.npy")]) == 2 * 4
    found, _ = read_all(table, HASHES)
    assert_array_equal([found[index] for index in range(100)], FEATURES)


def test_a_few_rows_are_not_worth_a_file(table, tmp_path):
    table.add(HASHES, FEATURES, np.arange(15))
    assert [*tmp_path.rglob("*.npy")] == []
    table.add(HASHES, FEATURES, np.arange(16))
    assert len([*tmp_path.rglob("*.npy")]) == 2


def test_another_key_shape_or_type_is_another_table(table, tmp_path):
    table.add(HASHES, FEATURES, np.arange(100))
    store = Store(tmp_path)
    assert [*RowTable(store, "other", (3,), "float32").read(HASHES)] == []
    assert len(read_all(table, HASHES)[0]) == 100
    for shape, dtype in (((1,), "float32"), ((3,), "float64")):
        assert [*RowTable(store, "key", shape, dtype).read(HASHES)] == []


@pytest.mark.parametrize("damage", ["truncated", "another type", "more rows", "removed"])
def test_a_damaged_file_is_left_out_and_removed(table, tmp_path, damage):
    table.add(HASHES, FEATURES, np.arange(50))
    (damaged,) = (p for p in tmp_path.rglob("*.npy") if not p.name.endswith(".index.npy"))
    table.add(HASHES, FEATURES, np.arange(50, 100))
    if damage == "truncated":
        damaged.write_bytes(damaged.read_bytes()[:200])
    elif damage == "removed":
        damaged.unlink()
    else:
        rows = np.zeros((51, 3), "float32") if damage == "more rows" else np.zeros((50, 3), int)
        np.save(damaged, rows)
    found, _ = read_all(table, HASHES)
    assert sorted(found) == [*range(50, 100)]
    assert len([*tmp_path.rglob("*.npy")]) == 2


def test_features_without_an_index_do_not_count(table, tmp_path):
    table.add(HASHES, FEATURES, np.arange(50))
    for index in tmp_path.rglob("*.index.npy"):
        index.unlink()
    assert [*table.read(HASHES)] == []
