"""The store by itself: whole files or none, a bounded size, keys."""

import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._cache.fingerprint import environment_fingerprint
from skfashion._cache.store import Store, digest, hash_rows

WRITE = """
import sys
import numpy as np
from skfashion._cache.store import Store, hash_rows
store = Store(sys.argv[1])
table = store.table("key", (1000,), "float32")
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
    table = store.table("key", (1000,), "float32")
    for n in range(3):
        found = table.find(hash_rows(np.arange(n * 2000, (n + 1) * 2000)))
        rows = np.empty((2000, 1000), "float32")
        assert found.read(np.arange(2000), rows, np.arange(2000)).all()
        assert (rows == n).all()


def test_least_recently_used_goes_first(tmp_path):
    array = np.zeros(1000)
    store = Store(tmp_path, limit=3 * 9000)
    for name in "abc":
        store.save(name, {"x": array})
        os.utime(store.folder / "entries" / f"{name}.npz", (ord(name), ord(name)))
    store.load("a")
    store.save("d", {"x": array})
    assert [store.load(name) is not None for name in "abcd"] == [True, False, True, True]
    assert store.n_bytes <= store.limit


def test_features_with_fewer_rows_than_their_index_go(tmp_path):
    hashes = hash_rows(np.arange(40))
    table = Store(tmp_path).table("key", (2,), np.float32)
    table.add(hashes, np.ones((40, 2), np.float32), np.arange(40))
    (path,) = (p for p in tmp_path.rglob("*.npy") if not p.name.endswith(".index.npy"))
    np.save(path, np.ones((39, 2), np.float32))
    found = table.find(hashes)
    assert not found.read(found.rows, np.zeros((40, 2), np.float32), found.rows).any()
    assert len(table.find(hashes).rows) == 0


def test_nothing_is_unpickled(tmp_path):
    store = Store(tmp_path)
    path = store.folder / "entries" / "key.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, x=np.array([{"code": 1}], dtype=object))
    assert store.load("key") is None
    path.write_bytes(pickle.dumps({"x": np.zeros(3)}))
    assert store.load("key") is None


def test_features_go_when_they_were_not_used_for_longest(tmp_path):
    rows, hashes = np.zeros((100, 100)), hash_rows(np.arange(300))
    store = Store(tmp_path, limit=2 * 100 * (800 + 16) + 2000)
    table = store.table("key", (100,), "float64")
    for n in range(3):
        own = hashes[n * 100 : (n + 1) * 100]
        table.add(own, rows, np.arange(100))
        for age, path in enumerate(sorted(store.folder.rglob("*.npy"), key=os.path.getmtime)):
            os.utime(path, (age, age))
        assert store.n_bytes <= store.limit
    found = table.find(hashes)
    assert len(found.rows) == 200
    assert set(found.rows) >= set(range(200, 300))


@pytest.mark.parametrize(
    "name", ["TF_NUM_INTRAOP_THREADS", "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"]
)
def test_settings_are_in_the_key(monkeypatch, name):
    before = environment_fingerprint.__wrapped__()
    monkeypatch.setenv(name, "1")
    assert environment_fingerprint.__wrapped__() != before


def test_digest_tells_things_apart():
    parts = ["ab", "a", 1, 1.0, None, ("a", 1), np.zeros(2), np.zeros((2, 1)), np.zeros(2, "f4")]
    assert len({digest(part) for part in parts}) == len(parts)
    assert digest("a", "b") != digest("ab")


def test_equal_bytes_of_another_type_are_another_row():
    zeros = np.zeros((1, 8), "uint8")
    assert not np.array_equal(hash_rows(zeros), hash_rows(zeros.view("float32")))
    assert_array_equal(hash_rows(zeros), hash_rows(zeros.copy()))
