"""Growth of a process' memory in searches over each kind of value, and with predictions.

Run ``python benchmarks/memory_growth.py``; it takes about twenty minutes on two cores. Each figure
is from a new process. A line is fitted to the resident memory after each fit, without the first
ones. The other side keeps TensorFlow's registered gradients of each traced function.
"""

import argparse
import gc
import sys
from contextlib import nullcontext
from unittest import mock

import numpy as np
import psutil
from _processes import last_line_of
from _report import print_table

from skfashion import TransferClassifier

# Parameters of a fit by its number, and by the number of fits.
KINDS = {
    "the same fit": lambda i, n: {},
    "widths": lambda i, n: {"hidden_units": 8 + 37 * i % 60},
    "rates of dropout": lambda i, n: {"dropout": i / n},
    "rates of feature dropout": lambda i, n: {"feature_dropout": i / n},
    "batch sizes": lambda i, n: {"batch_size": 2 + 37 * i % 60},
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
            clf.set_params(**params | KINDS[kind](i, n_fits)).fit(X, y)
        gc.collect()
        resident.append(process.memory_info().rss / 1e6)
    later = resident[n_skipped:]
    slope = np.polyfit(np.arange(len(later)), later, 1)[0]
    return 20 * slope if kind == PREDICTIONS else slope


def in_new_process(*arguments):
    return float(last_line_of(sys.executable, __file__, *arguments))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=60)
    parser.add_argument("--skip", type=int, default=20, help="first fits, which are not measured")
    parser.add_argument("--backbone", default="small_cnn")
    parser.add_argument("--kind", choices=[*KINDS, PREDICTIONS])
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if options.fits < options.skip + 2:
        parser.error("--fits needs at least 2 fits more than --skip.")
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
    columns = ["search over", "skfashion", "traces kept"]
    title = f"MB a fit, or for 1,000 predictions: {options.backbone}, {options.fits} fits"
    print_table(title, columns, rows)


if __name__ == "__main__":
    main()
