"""Growth of a process' memory in searches over each kind of value, and with predictions.

Run ``python benchmarks/memory_growth.py``; it takes about twenty minutes on two cores. Each figure
is from a new process. A line is fitted to the resident memory after each fit, without the first
ones. The other side keeps TensorFlow's registered gradients of each traced function.
"""

import argparse
import gc
import subprocess
import sys
from contextlib import nullcontext
from unittest import mock

import numpy as np
import psutil
from _report import print_table

from skfashion import TransferClassifier

KINDS = {
    "the same fit": lambda i: {},
    "widths": lambda i: {"hidden_units": 8 + 37 * i % 60},
    "rates of dropout": lambda i: {"dropout": i / 100},
    "rates of feature dropout": lambda i: {"feature_dropout": i / 100},
    "batch sizes": lambda i: {"batch_size": 2 + 37 * i % 60},
}
PREDICTIONS = "1,000 predictions"


def grow(kind, n_fits, n_skipped, backbone):
    """Return megabytes for each fit, or for 1,000 calls of `predict`."""
    rng, process, resident = np.random.default_rng(0), psutil.Process(), []
    X, y = rng.integers(0, 256, (60, 12, 12), dtype=np.uint8), np.arange(60) % 4
    params = {"epochs": 1, "batch_size": 32, "hidden_units": 16, "random_state": 0}
    clf = TransferClassifier(backbone, **params)
    if kind == PREDICTIONS:
        clf.fit(X, y)
    for i in range(n_fits):
        if kind == PREDICTIONS:
            for n_rows in range(1, 51):
                clf.predict(X[:n_rows])
        else:
            clf.set_params(**params | KINDS[kind](i)).fit(X, y)
        gc.collect()
        resident.append(process.memory_info().rss / 1e6)
    later = resident[n_skipped:]
    slope = np.polyfit(np.arange(len(later)), later, 1)[0]
    return 20 * slope if kind == PREDICTIONS else slope


def in_new_process(*arguments):
    command = [sys.executable, __file__, *map(str, arguments)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=60)
    parser.add_argument("--skip", type=int, default=20, help="first fits, which are not measured")
    parser.add_argument("--backbone", default="small_cnn")
    parser.add_argument("--kind", choices=[*KINDS, PREDICTIONS])
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if options.kind:
        with mock.patch("skfashion._keras.tracing._unregister") if options.keep else nullcontext():
            print(grow(options.kind, options.fits, options.skip, options.backbone))
        return
    shared = ["--fits", options.fits, "--skip", options.skip, "--backbone", options.backbone]
    rows = []
    for kind in [*KINDS, PREDICTIONS]:
        sides = ([], ["--keep"])
        slopes = [in_new_process("--kind", kind, *shared, *side) for side in sides]
        rows.append((kind, *(f"{slope:.2f}" for slope in slopes)))
    columns = ["search over", "skfashion, MB a fit", "traces kept, MB a fit"]
    print_table(f"Growth of memory, {options.backbone}, {options.fits} fits", columns, rows)


if __name__ == "__main__":
    main()
