import os
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._cache.hashing import hash_rows
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import Store, open_to_write


def test_an_entry_comes_back_as_it_was_saved(tmp_path):
    arrays = {"weight/a": np.arange(3, dtype="float32"), "history": np.array(["kept", "x"])}
    Store(tmp_path).save("key", arrays)
    loaded = Store(tmp_path).load("key")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
    assert Store(tmp_path).load("other") is None


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(TypeError), open_to_write(path) as file:
        file.writelines([b"half", None])
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_abandoned_files_are_removed_and_recent_ones_stay(tmp_path):
    store = Store(tmp_path)
    store.save("key", {"x": np.zeros(3)})
    folder = store.folder / "entries"
    for name, age in (("old", 7200), ("new", 0)):
        path = folder / f"{name}.unfinished"
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    assert store.n_bytes == (folder / "key.npz").stat().st_size
    assert sorted(p.name for p in folder.iterdir()) == ["key.npz", "new.unfinished"]


def test_files_of_one_unit_are_counted_and_removed_together(tmp_path):
    store = Store(tmp_path, limit=10_000)
    RowTable(store, "key", (10,), "float32").add(
        hash_rows(np.arange(50)), np.zeros((50, 10), "float32"), np.arange(50)
    )
    files = [*store.folder.rglob("*.npy")]
    assert len(files) == 2
    assert store.n_bytes == sum(path.stat().st_size for path in files)
    assert store.make_room(10_000)
    assert [*store.folder.rglob("*.npy")] == []


def test_a_unit_is_as_recent_as_its_most_recent_file(tmp_path):
    store = Store(tmp_path, limit=9_000)
    table = RowTable(store, "key", (10,), "float32")
    table.add(hash_rows(np.arange(50)), np.zeros((50, 10), "float32"), np.arange(50))
    store.save("entry", {"x": np.zeros(500)})
    (entry,) = store.folder.rglob("*.npz")
    features, index = sorted(store.folder.rglob("*.npy"), key=lambda p: len(p.name))
    for path, used in ((index, 1), (entry, 2), (features, 3)):
        os.utime(path, (used, used))
    assert store.make_room(5_000)
    assert features.exists()
    assert index.exists()
    assert not entry.exists()


def test_what_does_not_fit_removes_nothing(tmp_path):
    store = Store(tmp_path, limit=5_000)
    store.save("key", {"x": np.zeros(100)})
    assert not store.make_room(5_001)
    assert store.load("key") is not None


def test_the_log_sums_up_and_survives_a_broken_line(tmp_path):
    store = Store(tmp_path)
    store.log_usage(rows_found=3, seconds_saved=0.5)
    with (store.folder / "log.jsonl").open("a") as file:
        file.write('{"rows_found": \n')
    store.log_usage(rows_found=4)
    assert dict(store.usage_totals()) == {"rows_found": 7, "seconds_saved": 0.5}
