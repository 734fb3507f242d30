import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._cache import row_table
from skfashion._cache.hashing import hash_rows
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import Store
from skfashion._data import chunks

HASHES = hash_rows(np.arange(100))
FEATURES = np.random.default_rng(0).random((100, 3), "float32")


@pytest.fixture
def table(tmp_path):
    return RowTable(Store(tmp_path), "key", (3,), "float32")


def files(folder):
    return [*folder.rglob("rows/*/*")]


def flip_bit(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


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
    assert len(files(tmp_path)) == 2 * 4
    found, _ = read_all(table, HASHES)
    assert_array_equal([found[index] for index in range(100)], FEATURES)


def test_a_few_rows_are_added_as_well(table):
    """The request decides whether its rows are worth a file: it may add them in parts."""
    table.add(HASHES, FEATURES, np.arange(2))
    table.add(HASHES, FEATURES, np.arange(2, 3))
    found, _ = read_all(table, HASHES)
    assert_array_equal([found[index] for index in range(3)], FEATURES[:3])


def test_the_limit_holds_for_features_with_their_index(tmp_path):
    n_rows = 1000
    hashes, features = hash_rows(np.arange(n_rows)), np.zeros((n_rows, 3), "float32")

    def bytes_within(limit):
        store = Store(tmp_path / str(limit), limit)
        store.make_location()
        RowTable(store, "key", (3,), "float32").add(hashes, features, np.arange(n_rows))
        return store.n_bytes

    n_bytes = bytes_within(10**6)
    assert n_bytes > n_rows * (3 * 4 + 16 + 4)
    assert bytes_within(n_bytes - 1) == 0
    assert bytes_within(n_bytes + 512) == n_bytes


def test_another_key_shape_or_type_is_another_table(table, tmp_path):
    table.add(HASHES, FEATURES, np.arange(100))
    store = Store(tmp_path)
    assert [*RowTable(store, "other", (3,), "float32").read(HASHES)] == []
    assert len(read_all(table, HASHES)[0]) == 100
    for shape, dtype in (((1,), "float32"), ((3,), "float64")):
        assert [*RowTable(store, "key", shape, dtype).read(HASHES)] == []


@pytest.mark.parametrize("damage", ["truncated", "more rows", "removed", "index"])
def test_a_damaged_file_is_left_out_and_removed(table, tmp_path, damage):
    table.add(HASHES, FEATURES, np.arange(50))
    (damaged,) = tmp_path.rglob("*.features")
    table.add(HASHES, FEATURES, np.arange(50, 100))
    if damage == "truncated":
        damaged.write_bytes(damaged.read_bytes()[:200])
    elif damage == "removed":
        damaged.unlink()
    elif damage == "more rows":
        damaged.write_bytes(bytes(51 * 12))
    else:
        flip_bit(damaged.with_suffix(".index"), 300)
    found, _ = read_all(table, HASHES)
    assert sorted(found) == [*range(50, 100)]
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize("rows_per_block", [None, 1, 16])
def test_a_row_with_a_flipped_bit_counts_as_missing_and_is_replaced(
    table, tmp_path, rows_per_block
):
    table.add(HASHES, FEATURES, np.arange(50))
    (path,) = tmp_path.rglob("*.features")
    flip_bit(path, 20 * 12 + 5)
    found, _ = read_all(table, HASHES[:20], rows_per_block)
    assert sorted(found) == [*range(20)]
    assert path.exists()  # the rows that were read are intact
    found, _ = read_all(table, HASHES, rows_per_block)
    assert sorted(found) == [index for index in range(50) if index != 20]
    for index, row in found.items():
        assert_array_equal(row, FEATURES[index])
    assert files(tmp_path) == []
    table.add(HASHES, FEATURES, np.arange(50))
    assert sorted(read_all(table, HASHES)[0]) == [*range(50)]


@pytest.mark.parametrize("error", [errno.EMFILE, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("opens", ["features", "index"])
def test_an_intact_file_that_cannot_be_opened_now_stays(table, monkeypatch, opens, error):
    table.add(HASHES, FEATURES, np.arange(50))
    row_table._read_index.cache_clear()

    def fail(*args):
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patch:
        if opens == "features":
            patch.setattr(np, "memmap", fail)
        else:
            patch.setattr(row_table, "read_arrays", fail)
        assert [*table.read(HASHES)] == []
    found, _ = read_all(table, HASHES)
    assert_array_equal([found[index] for index in range(50)], FEATURES[:50])


@pytest.mark.skipif(sys.platform != "linux", reason="no list of open files")
def test_a_read_holds_few_files_open(table):
    for start in range(0, 96, 16):
        table.add(HASHES, FEATURES, np.arange(start, start + 16))

    def count_open():
        return len([*Path("/proc/self/fd").iterdir()])

    before = count_open()
    most = max(count_open() for _ in table.read(HASHES, 10 * table.row_bytes))
    assert most <= before + 1
    assert count_open() == before


def test_files_that_will_be_read_are_used_last(table, tmp_path):
    for start in range(0, 96, 16):
        table.add(HASHES, FEATURES, np.arange(start, start + 16))
    for path in tmp_path.rglob("*.features"):
        os.utime(path, (1, 1))
    next(table.read(HASHES, 10 * table.row_bytes))
    assert all(path.stat().st_mtime > 1 for path in tmp_path.rglob("*.features"))


def test_the_files_of_another_table_do_not_count(table, tmp_path):
    table.add(HASHES, FEATURES, np.arange(50))
    (folder,) = tmp_path.rglob("rows/*")
    folder.rename(folder.with_name("other"))
    other = RowTable(Store(tmp_path), "other", (3,), "float32")
    assert [*other.read(HASHES)] == []


def test_features_without_an_index_do_not_count(table, tmp_path):
    table.add(HASHES, FEATURES, np.arange(50))
    for index in tmp_path.rglob("*.index"):
        index.unlink()
    assert [*table.read(HASHES)] == []
