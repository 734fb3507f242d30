"""The store by itself: whole files or none, a bounded size, keys."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from zlib import crc32

import ml_dtypes
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import clear_memory, memory_report
from skfashion._atomic_files import open_to_write
from skfashion._cache.hashing import digest, hash_rows
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import CHECKPOINT, Store


def test_an_entry_comes_back_as_it_was_saved(tmp_path):
    arrays = {
        "weight/a": np.arange(3, dtype="float32"),
        "number": np.array(2),
        "transposed": np.arange(6).reshape(2, 3).T,
    }
    Store(tmp_path).save("key", arrays)
    loaded = Store(tmp_path).load("key")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
    assert Store(tmp_path).load("other") is None


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.int4])
def test_types_that_another_library_adds_come_back_with_their_bits(tmp_path, dtype):
    arrays = {
        "weight/a": np.arange(-3, 3).reshape(2, 3).astype(dtype),
        "number": np.array(1).astype(dtype),
        "empty": np.zeros((0, 2), dtype),
        "weight/b": np.arange(3, dtype="float32"),
    }
    assert Store(tmp_path).save("key", arrays)
    loaded = Store(tmp_path).load("key")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()


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
    for name, age in (("old", 7200), ("new", 0), ("future", -7200)):
        path = folder / f"{name}.unfinished"
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    assert store.n_bytes == (folder / "key.entry").stat().st_size
    assert sorted(p.name for p in folder.iterdir()) == [
        "future.unfinished",
        "key.entry",
        "new.unfinished",
    ]


def test_files_of_one_unit_are_counted_and_removed_together(tmp_path):
    store = Store(tmp_path, limit=10_000)
    RowTable(store, "key", (10,), "float32").add(
        hash_rows(np.arange(50)), np.zeros((50, 10), "float32"), np.arange(50)
    )
    files = [*store.folder.rglob("rows/*/*")]
    assert len(files) == 2
    assert store.n_bytes == sum(path.stat().st_size for path in files)
    assert store.make_room(10_000)
    assert [*store.folder.rglob("rows/*")] == []


def test_only_a_fit_makes_the_folder_of_the_user(tmp_path):
    store = Store(tmp_path / "removed", limit=10**6)
    table = RowTable(store, "a0", (10,), "float32")
    assert not store.save("key", {"x": np.zeros(3)})
    table.add(hash_rows(np.arange(50)), np.zeros((50, 10), "float32"), np.arange(50))
    store.log_usage(rows_found=1)
    with store.lease("phase", "a0") as computes:
        assert computes
    assert not Store(tmp_path / "removed").save("key", {"x": np.zeros(3)})
    assert [*tmp_path.iterdir()] == []
    store.make_location()
    assert store.save("key", {"x": np.zeros(3)})


def test_a_unit_is_as_recent_as_its_most_recent_file(tmp_path):
    store = Store(tmp_path, limit=9_000)
    table = RowTable(store, "key", (10,), "float32")
    table.add(hash_rows(np.arange(50)), np.zeros((50, 10), "float32"), np.arange(50))
    store.save("entry", {"x": np.zeros(500)})
    (entry,) = store.folder.rglob("*.entry")
    (features,), (index,) = store.folder.rglob("*.features"), store.folder.rglob("*.index")
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
    log = store.folder / "log.jsonl"
    line = log.read_text()
    with log.open("a") as file:
        file.write(line.replace("3", "7") + line[: len(line) // 2] + '\n{"rows_found": 9}\n["x"]\n')
        for record in ('["x"]', "7", '{"seconds_saved": "x"}', "[" * 100_000):
            file.write(f"{crc32(record.encode()):08x} {record}\n")
    store.log_usage(rows_found=4)
    assert dict(store.usage_totals()) == {"rows_found": 7, "seconds_saved": 0.5}


def test_a_long_log_is_summed_up_again_and_again(tmp_path):
    store = Store(tmp_path)
    log = store.folder / "log.jsonl"
    store.log_usage(rows_found=1)
    for number in range(1, 4):
        text = log.read_text()
        log.write_text(text + " " * (2**20 - len(text) - 1) + "\n")
        store.log_usage(rows_found=2)
        assert len(log.read_text()) > 2**20
        store.log_usage(rows_found=4)
        assert len(log.read_text().splitlines()) == 2
        assert store.usage_totals() == {"rows_found": 1 + 6 * number}


@pytest.mark.parametrize("name", [".DS_Store", ".nfs000000000001", "._x.index"])
def test_hidden_files_of_the_system_are_left_alone(tmp_path, name):
    store = Store(tmp_path, limit=5_000)
    store.save("key", {"x": np.zeros(100)})
    n_bytes = store.n_bytes
    table = RowTable(store, "rows", (3,), np.float32)
    hashes = np.arange(40, dtype=np.uint64).reshape(20, 2)
    table.add(hashes, np.zeros((20, 3), np.float32), np.arange(20))
    folders = [store.folder / "entries", next(store.folder.rglob("*.index")).parent]
    for folder in folders:
        (folder / name).write_bytes(b"x" * 10_000)
    assert n_bytes < store.n_bytes < n_bytes + 10_000
    assert table.has(hashes).all()
    assert store.make_room(5_000)
    assert store.load("key") is None
    assert all((folder / name).exists() for folder in folders)


def test_half_of_the_disk_is_the_limit_by_default(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save("key", {"x": np.zeros(1000)})
    n_bytes = store.n_bytes
    for free, n_free in ((n_bytes, 0), (3 * n_bytes, n_bytes), (3 * n_bytes + 2, n_bytes + 1)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        assert store.make_room(n_free)
        assert store.load("key")
    assert not store.make_room(2 * n_bytes + 2)
    assert store.load("key")
    assert store.make_room(n_bytes + 2)
    assert store.load("key") is None


def test_a_limit_neither_counts_nor_evicts_checkpoints(tmp_path):
    checkpoint = CHECKPOINT + "a"
    Store(tmp_path).save(checkpoint, {"w": np.zeros(5000)})
    store = Store(tmp_path, limit=10_000)
    assert store.save("a", {"x": np.zeros(1000)})
    assert store.load("a") is not None
    assert store.save("b", {"x": np.zeros(1000)})
    assert store.load("a") is None
    assert store.load(checkpoint) is not None
    assert store.n_bytes > 40_000


# -- Clearing ------------------------------------------------------------------------------------


def test_clearing_leaves_files_of_others_in_a_folder_of_this_name(tmp_path):
    (tmp_path / "skfashion" / "skfashion").mkdir(parents=True)
    others = [tmp_path / "skfashion" / "README.md", tmp_path / "skfashion/skfashion/__init__.py"]
    for path in others:
        path.write_text("x")
    clear_memory(tmp_path)
    store = Store(tmp_path)
    store.save("key", {"x": np.zeros(3)})
    clear_memory(tmp_path)
    assert not store.folder.exists()
    assert all(path.exists() for path in others)


def test_clearing_removes_an_empty_folder(tmp_path):
    clear_memory(tmp_path)
    Store(tmp_path).save("key", {"x": np.zeros(3)})
    clear_memory(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_clearing_follows_a_link_and_keeps_it(tmp_path):
    disk, folder = tmp_path / "disk", tmp_path / "folder"
    for path in disk, folder:
        path.mkdir()
    (folder / "skfashion").symlink_to(disk)
    store = Store(folder)
    store.save("key", {"x": np.zeros(3)})
    assert memory_report(folder)["bytes"] > 0
    clear_memory(folder)
    assert [*disk.iterdir()] == []
    assert store.save("key", {"x": np.zeros(3)})
    assert store.load("key") is not None


def test_clearing_reports_what_it_cannot_remove(tmp_path, monkeypatch):
    Store(tmp_path).save("key", {"x": np.zeros(3)})

    def fail(path, missing_ok=False):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", fail)
    with pytest.raises(PermissionError):
        clear_memory(tmp_path)


WRITE = """
import sys
import numpy as np
from skfashion._cache.hashing import hash_rows
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import Store
store = Store(sys.argv[1])
table = RowTable(store, "key", (1000,), "float32")
for n in range(1000):
    rows = np.full((2000, 1000), n, "float32")
    table.add(hash_rows(np.arange(n * 2000, (n + 1) * 2000)), rows, np.arange(2000))
    store.save("entry", {"rows": rows})
    print(n, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_a_process_killed_while_it_writes_leaves_whole_files(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(3):
            process.stdout.readline()
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    store = Store(tmp_path)
    entry = store.load("entry")["rows"]
    assert (entry == entry[0, 0]).all()
    table = RowTable(store, "key", (1000,), "float32")
    for n in range(3):
        blocks = [*table.read(hash_rows(np.arange(n * 2000, (n + 1) * 2000)))]
        assert_array_equal(np.sort(np.concatenate([rows for rows, _ in blocks])), np.arange(2000))
        assert all((features == n).all() for _, features in blocks)


def test_least_recently_used_goes_first(tmp_path):
    array = np.zeros(1000)
    store = Store(tmp_path, limit=3 * 9000)
    for name in "abc":
        store.save(name, {"x": array})
        os.utime(store.folder / "entries" / f"{name}.entry", (ord(name), ord(name)))
    store.load("a")
    store.save("d", {"x": array})
    assert [store.load(name) is not None for name in "abcd"] == [True, False, True, True]
    assert store.n_bytes <= store.limit


def test_features_with_fewer_rows_than_their_index_go(tmp_path):
    hashes = hash_rows(np.arange(40))
    table = RowTable(Store(tmp_path), "key", (2,), np.float32)
    table.add(hashes, np.ones((40, 2), np.float32), np.arange(40))
    (path,) = tmp_path.rglob("*.features")
    path.write_bytes(np.ones((39, 2), np.float32).tobytes())
    assert [*table.read(hashes)] == []
    assert [*tmp_path.rglob("rows/*/*")] == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_in_place_of_an_entry_counts_as_missing(tmp_path):
    store = Store(tmp_path)
    (store.folder / "entries").mkdir(parents=True)
    os.mkfifo(store.folder / "entries" / "key.entry")
    assert store.load("key") is None


def test_nothing_is_unpickled(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(Exception, match="object"):
        store.save("key", {"x": np.array([{"code": 1}], dtype=object)})
    path = store.folder / "entries" / "key.entry"
    path.write_bytes(pickle.dumps({"x": np.zeros(3)}))
    assert store.load("key") is None


def test_features_go_when_they_were_not_used_for_longest(tmp_path):
    rows, hashes = np.zeros((100, 100)), hash_rows(np.arange(300))
    store = Store(tmp_path, limit=2 * 100 * (800 + 16) + 2000)
    table = RowTable(store, "key", (100,), "float64")
    for n in range(3):
        own = hashes[n * 100 : (n + 1) * 100]
        table.add(own, rows, np.arange(100))
        for age, path in enumerate(sorted(store.folder.rglob("rows/*/*"), key=os.path.getmtime)):
            os.utime(path, (age, age))
        assert store.n_bytes <= store.limit
    found = np.concatenate([indices for indices, _ in table.read(hashes)])
    assert len(found) == 200
    assert set(found) >= set(range(200, 300))


def test_digest_tells_things_apart():
    parts = ["ab", "a", 1, 1.0, None, ("a", 1), np.zeros(2), np.zeros((2, 1)), np.zeros(2, "f4")]
    assert len({digest(part) for part in parts}) == len(parts)
    assert digest("a", "b") != digest("ab")


def test_equal_bytes_of_another_type_are_another_row():
    zeros = np.zeros((1, 8), "uint8")
    assert not np.array_equal(hash_rows(zeros), hash_rows(zeros.view("float32")))
    assert_array_equal(hash_rows(zeros), hash_rows(zeros.copy()))


def test_a_check_of_the_folder_removes_no_checkpoint(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(CHECKPOINT + "a", {"w": np.zeros(5_000)})
    store.save("features", {"w": np.zeros(5_000)})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=40_000))
    store.check_writable(30_000)
    assert store.load(CHECKPOINT + "a") is not None
    assert store.load("features") is None
