"""Searches by several workers on an empty folder of `memory`: number of repeated computations.

Run ``python benchmarks/shared_workers.py``; it takes about ten minutes on two cores.

- cuts: the grid of this name of `grid_speed.py`, serially and with ``n_jobs=2``.
- cluster: 8 learning rates x 3 folds after a frozen body on rows of the bundled sample, on a Dask
  cluster of 8 workers of one thread, all on this machine.

"passes" are images that passed through the frozen part, per image and freeze point at which
features are stored. 1 is the minimum: each image once.
"""

import argparse
from tempfile import TemporaryDirectory

import numpy as np
from _report import GTE5, print_table
from _searches import start_cluster
from distributed import Client
from grid_speed import GRIDS, make_classifier, rows, search

from skfashion import memory_report
from skfashion.datasets import load_fashion_sample
from skfashion.distributed import search_on
from skfashion.model_selection import ClassSplitCV

# Of the freeze points of the grid, those that cut at another tensor and store features.
STORED_CUTS = {"cuts": 2, "cluster": 1}
RATES = [0.0003, 0.0005, 0.0007, 0.001, 0.0015, 0.002, 0.003, 0.005]


def search_and_count(grid, X, y, memory, n_jobs=None):
    """Return the seconds of a search, its scores, and what its workers computed."""
    cv = ClassSplitCV(3, pretrain_classes=GTE5)
    seconds, scores = search(make_classifier(memory), grid, cv, X, y, n_jobs)
    return seconds, scores, memory_report(memory)


def line(name, workers, y, result):
    seconds, scores, report = result
    n_images = np.count_nonzero(~np.isin(y, GTE5)) * STORED_CUTS[name]
    return (
        name,
        workers,
        f"{seconds:.1f}",
        str(report["pretrainings_computed"]),
        str(report["pretrainings_found"]),
        f"{report['rows_computed'] / n_images:.3f}",
        f"{np.mean(scores):.4f}",
    )


def measure_cuts(n_rows):
    X, y = rows()
    X, y = X[:n_rows], y[:n_rows]
    cells = []
    for n_jobs in (None, 2):
        with TemporaryDirectory() as folder:
            result = search_and_count(GRIDS["cuts"], X, y, folder, n_jobs)
        cells.append(line("cuts", f"n_jobs={n_jobs}", y, result))
    return cells


def measure_cluster(n_rows, n_workers):
    X, y = load_fashion_sample(return_X_y=True)
    X, y = X[:n_rows], y[:n_rows]
    grid = {"freeze_until": ["features"], "learning_rate": RATES}
    cells = []
    with start_cluster(n_workers) as cluster, Client(cluster) as client:
        client.wait_for_workers(n_workers, timeout=120)
        for run in ("first", "warm"):  # workers import TensorFlow in the first one
            with TemporaryDirectory() as folder, search_on(client):
                result = search_and_count(grid, X, y, folder)
            cells.append(line("cluster", f"{n_workers} Dask workers, {run}", y, result))
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=["cuts", "cluster"])
    parser.add_argument("--rows", type=int, default=12_000, help="of the grid of cuts")
    parser.add_argument("--small-rows", type=int, default=1_200, help="of the cluster")
    parser.add_argument("--workers", type=int, default=8)
    options = parser.parse_args()
    cells = []
    for part in options.parts:
        if part == "cluster":
            cells += measure_cluster(options.small_rows, options.workers)
        else:
            cells += measure_cuts(options.rows)
    columns = ["search", "workers", "seconds", "pretrainings", "found", "passes", "mean score"]
    print_table("Empty folders of memory", columns, cells)


if __name__ == "__main__":
    main()
