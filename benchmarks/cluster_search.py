"""A search on a cluster of two workers, with and without workers that are killed.

Run ``python benchmarks/cluster_search.py``; it takes about ten minutes on two cores. Everything
runs on this machine, in separate processes: a Dask scheduler and two workers of one thread.

- search: 6 candidates x 2 folds on rows of the bundled sample. They run serially with one thread,
  on the cluster, and `--kills` more times with a worker killed by SIGKILL at a random moment.
  "identical" compares all scores, bit by bit, with the serial ones.
- travel: 1, 10 and 50 candidates of an estimator that does nothing, on an array as large as the
  60,000 images of Fashion-MNIST. The table shows the data that each process holds and receives.
- overhead: 400 candidates of that estimator on a few rows, in turn serially and on two workers.
"""

import argparse
import json
import os
import random
import signal
import sys
from threading import Timer
from time import perf_counter

import cloudpickle
import numpy as np
import psutil
from _processes import last_line_of
from _report import GTE5, print_table
from _searches import start_cluster, timed_search
from distributed import Client, get_task_stream
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.distributed import search_on
from skfashion.model_selection import ClassSplitCV

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


class Nothing(ClassifierMixin, BaseEstimator):
    """An estimator that costs nothing, so that only the cost of the cluster is measured."""

    def __init__(self, number=0):
        self.number = number

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), int)


def search(rows):
    """Return the seconds of a search, and the scores of its candidates by fold."""
    X, y = load_fashion_sample(return_X_y=True)
    clf = TransferClassifier(
        pretrain_classes=GTE5, pretrain_epochs=2, epochs=2, batch_size=128, random_state=0
    )
    grid = {"freeze_until": [None, "conv1", "features"], "learning_rate": [0.0005, 0.001]}
    cv = ClassSplitCV(2, pretrain_classes=GTE5)
    seconds, results = timed_search(clf, grid, cv, X[:rows], y[:rows])
    return seconds, [results[f"split{fold}_test_score"].tolist() for fold in range(2)]


def serial_search(rows):
    """Run the search in a new process with as many threads as a worker has."""
    return json.loads(last_line_of(sys.executable, __file__, "--serial", rows, env=ONE_THREAD))


def compare_searches(client, rows, kills, seed):
    seconds, expected = serial_search(rows)
    cells = [("serial, one thread", f"{seconds:.1f}", "", "yes", "")]
    with search_on(client):
        search(rows)  # Workers import TensorFlow.
        clean, scores = search(rows)
    cells.append(("cluster", f"{clean:.1f}", "1.00x", "yes", _yes(scores == expected)))
    draw = random.Random(seed)
    for number in range(1, kills + 1):
        cells.append(search_with_a_kill(client, rows, number, clean, expected, draw))
        print(cells[-1], flush=True)
    columns = ["run", "seconds", "of clean", "completed", "identical"]
    print_table(f"12 fits on {rows} images, 2 + 2 epochs", columns, cells)


def search_with_a_kill(client, rows, number, clean, expected, draw):
    """Return a line on a search in which a worker was killed before the search ended."""
    while True:
        client.wait_for_workers(2, timeout=60)
        after = draw.uniform(0.05, 0.75) * clean
        victim = draw.choice(list(client.run(os.getpid).values()))
        timer = Timer(after, os.kill, (victim, signal.SIGKILL))
        label = f"kill {number}, after {after:.1f} s"
        timer.start()
        try:
            with search_on(client):
                took, scores = search(rows)
        except Exception as error:
            timer.cancel()
            return label, "", "", f"no: {error!r}"[:60], ""
        if timer.finished.is_set():
            ratio = f"{took / clean:.2f}x"
            return label, f"{took:.1f}", ratio, "yes", _yes(scores == expected)
        timer.cancel()
        timer.join()


def measure_travel(client, n_images=60_000):
    X = np.random.default_rng(0).integers(0, 256, (n_images, 28, 28), "uint8")
    y = np.arange(n_images) % 10
    cells = []
    for n_candidates in (1, 10, 50):
        client.restart()
        client.wait_for_workers(2, timeout=60)
        before = _memory(client)
        with get_task_stream(client) as stream, search_on(client):
            grid = {"number": list(range(n_candidates))}
            GridSearchCV(Nothing(), grid, cv=3, refit=False).fit(X, y)
            after = _memory(client)
        copies = [row["key"] for row in stream.data if row["key"].startswith("ndarray-")]
        received = client.run(_received)
        cells.append(
            (
                str(n_candidates * 3),
                str(len(copies)),
                ", ".join(f"{n / 1e6:.0f}" for n in received.values()),
                f"{(after[0] - before[0]) / 1e6:.0f}",
                ", ".join(f"{(a - b) / 1e6:.0f}" for a, b in zip(after[1], before[1], strict=True)),
            )
        )
    columns = [
        "fits",
        "arrays sent by scheduler",
        "MB from the other worker, each",
        "MB more in scheduler",
        "MB more in workers",
    ]
    print_table(f"{n_images} images of {X.nbytes / 1e6:.0f} MB, 3 folds", columns, cells)


def measure_overhead(client, n_candidates=400):
    X, y = np.zeros((40, 28, 28), "uint8"), np.arange(40) % 2
    task = cloudpickle.dumps(TransferClassifier(pretrain_classes=GTE5, random_state=0))
    cells = []
    for n_jobs, run in (("serial", None), ("2 workers", client)) * 2:
        begin = perf_counter()
        grid = GridSearchCV(Nothing(), {"number": list(range(n_candidates))}, cv=2, refit=False)
        if run is None:
            grid.fit(X, y)
        else:
            with search_on(run):
                grid.fit(X, y)
        seconds = perf_counter() - begin
        cells.append((n_jobs, f"{1e3 * seconds / (2 * n_candidates):.1f}"))
    print_table(f"{2 * n_candidates} fits that do nothing", ["run", "ms per fit"], cells)
    result = cloudpickle.dumps(
        {"test_scores": 0.5, "fit_time": 1.0, "score_time": 1.0, "fit_error": None}
    )
    print(f"\na pickled estimator: {len(task)} bytes; a result: about {len(result)} bytes")


def _memory(client):
    workers = client.run(_resident)
    return client.run_on_scheduler(_resident), [workers[address] for address in sorted(workers)]


def _resident():
    return psutil.Process().memory_info().rss


def _received(dask_worker):
    return sum(entry["total"] for entry in dask_worker.transfer_incoming_log)


def _yes(truth):
    return "yes" if truth else "no"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_200)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", default=["search", "travel", "overhead"])
    parser.add_argument("--serial", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serial:
        search(options.serial)  # TensorFlow is imported, as by the workers.
        print(json.dumps(search(options.serial)))
        return
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with start_cluster(2) as local, Client(local) as client:
        client.wait_for_workers(2, timeout=60)
        if "travel" in options.parts:
            measure_travel(client)
        if "overhead" in options.parts:
            measure_overhead(client)
        if "search" in options.parts:
            compare_searches(client, options.rows, options.kills, options.seed)


if __name__ == "__main__":
    main()
