"""Rows that several threads miss in one table are computed once, whoever needs which."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._cache import leases, row_leases
from skfashion._cache.hashing import hash_rows
from skfashion._cache.row_leases import N_PARTS, compute_once
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import Store
from skfashion._data import chunks

N_ROWS = 2000
HASHES = hash_rows(np.arange(N_ROWS))
BATCH_SIZE = 4


class Worker:
    """Takes features of rows, which are their numbers, from a table, or computes them."""

    def __init__(self, folder, seconds=0.0, limit=None, barrier=None, batch_size=BATCH_SIZE):
        self.table = RowTable(Store(folder, limit), "a0", (2,), "float64")
        self.seconds, self.barrier, self.batch_size = seconds, barrier, batch_size
        self.computed = []

    def run(self, rows, n_missing=0):
        """Return how many rows were computed, after checking the features of all."""
        features, hashes = np.zeros((len(rows), 2)), HASHES[rows]

        def find(indices):
            def take(found, values):
                features[found] = values

            return self.table.find(hashes, indices, take)

        def compute(indices, adds):
            if self.barrier and not self.computed:
                self.barrier.wait()
            time.sleep(self.seconds)
            self.computed.append(rows[indices])
            features[indices] = rows[indices, None]
            if adds:
                self.table.add(hashes, features, indices)

        missing = find(np.arange(len(rows)))
        done = compute_once(
            self.table,
            hashes,
            missing,
            find,
            compute,
            n_missing=n_missing or len(missing),
            batch_size=self.batch_size,
            row_bytes=8,
        )
        assert done == sum(map(len, self.computed))
        assert_array_equal(features, np.repeat(rows[:, None], 2, axis=1))
        return done


def run_in_threads(folder, row_sets, **options):
    workers = [Worker(folder, **options) for _ in row_sets]
    with ThreadPoolExecutor(len(row_sets)) as pool:
        counts = list(pool.map(Worker.run, workers, row_sets))
    return counts, workers


def test_one_worker_computes_all_rows_part_by_part(tmp_path):
    worker = Worker(tmp_path)
    assert worker.run(np.arange(N_ROWS)) == N_ROWS
    assert len(worker.computed) == N_PARTS
    assert_array_equal(np.sort(np.concatenate(worker.computed)), np.arange(N_ROWS))
    for rows in worker.computed:
        assert len(np.unique(HASHES[rows, 1] % N_PARTS)) == 1
    assert Worker(tmp_path).run(np.arange(N_ROWS)) == 0


@pytest.mark.parametrize(
    ("n_rows", "n_groups"),
    [(16, 1), (127, 1), (128, 2), (255, 2), (256, 4), (511, 4), (512, 8), (N_ROWS, 8)],
)
def test_small_parts_are_computed_together(tmp_path, n_rows, n_groups):
    worker = Worker(tmp_path)
    assert worker.run(np.arange(n_rows)) == n_rows
    assert len(worker.computed) == n_groups


@pytest.mark.parametrize("n_rows", [60, N_ROWS])
def test_workers_with_the_same_rows_share_the_work(tmp_path, n_rows):
    counts, workers = run_in_threads(tmp_path, [np.arange(n_rows)] * 4, seconds=0.02)
    assert sum(counts) == n_rows
    if n_rows == N_ROWS:
        assert sum(count > 0 for count in counts) > 1
        assert sum(len(worker.computed) for worker in workers) == N_PARTS


def test_rows_that_folds_have_in_common_are_computed_once(tmp_path):
    fold_of = np.arange(N_ROWS) % 3
    folds = [np.flatnonzero(fold_of != fold) for fold in range(3)]
    counts, _ = run_in_threads(tmp_path, folds, seconds=0.02)
    assert sum(counts) == N_ROWS


def test_workers_with_other_rows_work_at_the_same_time(tmp_path):
    halves = np.split(np.arange(N_ROWS), 2)
    # Workers that compute one after the other break the barrier, which is an error.
    barrier = threading.Barrier(2, timeout=60)
    counts, _ = run_in_threads(tmp_path, halves, seconds=0.1, barrier=barrier)
    assert counts == [N_ROWS // 2] * 2


def test_rows_larger_than_the_limit_of_a_chunk_are_computed_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 64)
    worker = Worker(tmp_path)
    assert worker.run(np.arange(300)) == 300
    assert len(worker.computed) == 5
    for number, rows in enumerate(worker.computed):
        assert (rows // 64 == number).all()


@pytest.mark.parametrize("n_rows", [16, 40, 128, 130, 300])
def test_parts_of_few_rows_are_found_later(tmp_path, monkeypatch, n_rows):
    # Groups have 16 rows on average, and the last chunk two rows, or more.
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 128)
    assert Worker(tmp_path, batch_size=1).run(np.arange(n_rows)) == n_rows
    assert Worker(tmp_path, batch_size=1).run(np.arange(n_rows)) == 0


def test_a_part_of_a_request_is_found_later(tmp_path):
    for first in range(0, 20, 5):
        assert Worker(tmp_path).run(np.arange(first, first + 5), n_missing=20) == 5
    assert Worker(tmp_path).run(np.arange(25)) == 5
    assert Worker(tmp_path).run(np.arange(25)) == 5


@pytest.mark.parametrize(("n_rows", "limit"), [(15, None), (N_ROWS, 1000)])
def test_what_is_not_stored_is_not_locked(tmp_path, n_rows, limit):
    worker = Worker(tmp_path, limit=limit)
    assert worker.run(np.arange(n_rows)) == n_rows
    assert len(worker.computed) == 1
    assert not [*tmp_path.rglob("*.lock")]
    assert not [*tmp_path.rglob("rows/*/*")]


def test_what_is_found_is_not_locked(tmp_path):
    Worker(tmp_path).run(np.arange(60))
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.lock")}
    assert len(files) == N_PARTS
    for path in files:
        path.unlink()
    assert Worker(tmp_path).run(np.arange(60)) == 0
    assert not [*tmp_path.rglob("*.lock")]


def test_a_process_begins_with_any_group_and_computes_all(monkeypatch):
    for pid in range(9):
        monkeypatch.setattr(row_leases.os, "getpid", lambda pid=pid: pid)
        groups = row_leases._group_parts(N_ROWS, BATCH_SIZE)
        assert groups[0] == pid % N_PARTS
        assert_array_equal(np.sort(np.concatenate(groups)), np.arange(N_PARTS))


def test_the_lease_of_a_phase_comes_before_those_of_its_rows():
    """A process takes leases in the order of their kinds, so that none waits in a circle."""
    assert leases.PHASE < leases.ROWS
