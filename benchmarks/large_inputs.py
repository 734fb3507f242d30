"""Memory of a fit on a memory-mapped file of images.

Run ``python benchmarks/large_inputs.py``; it takes about ten minutes on two cores, and 5 GB of
disk, or 25 if features of a million images go to a file. Each fit runs in a new process, which
first fits 1,000 images. The resident memory after that, for TensorFlow and the network, is
subtracted.

- photographs: 28,000 colour images of 224 x 224 pixels, 4.2 GB in a memory-mapped file: images of
  Fashion-MNIST, enlarged and tinted. MobileNetV2 at 96 pixels.
- rows: 1,000,000 images of 28 x 28 in a memory-mapped file: repetitions of Fashion-MNIST. The
  small CNN.

Both are pretrained on classes 5 to 9 for an epoch, frozen to their features, and trained on
classes 0 to 4 for two.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import psutil
from _peak_memory import Peak
from _processes import last_line_of
from _report import GTE5, print_table

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

SIDE = 224
PART = 1_000


def write_photographs(path, n_images, rng):
    X, _ = fetch_fashion_mnist("train", return_X_y=True)
    shape = (n_images, SIDE, SIDE, 3)
    file = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    for begin in range(0, n_images, PART):
        grey = X[np.arange(begin, min(begin + PART, n_images)) % len(X)]
        large = grey.repeat(SIDE // 28, axis=1).repeat(SIDE // 28, axis=2)
        tints = rng.integers(128, 257, (len(grey), 1, 1, 3), np.uint16)
        file[begin : begin + len(grey)] = large[..., None] * tints // 256
    file.flush()


def write_rows(path, n_images, rng):
    X, _ = fetch_fashion_mnist("train", return_X_y=True)
    file = np.lib.format.open_memmap(path, "w+", np.uint8, (n_images, 28, 28))
    for begin in range(0, n_images, len(X)):
        part = X[: n_images - begin]
        file[begin : begin + len(part)] = part
    file.flush()


CASES = {
    "photographs": (write_photographs, 28_000, {"backbone": "mobilenet_v2", "input_size": 96}),
    "rows": (write_rows, 1_000_000, {}),
}


def fit(case, path):
    """Fit in this process; print memory, seconds and training accuracy."""
    X = np.load(path, mmap_mode="r")
    _, y = fetch_fashion_mnist("train", return_X_y=True)
    y = np.resize(y, len(X))
    clf = TransferClassifier(
        pretrain_classes=GTE5,
        pretrain_epochs=1,
        freeze_until="features",
        epochs=2,
        batch_size=128,
        random_state=0,
        **CASES[case][2],
    )
    clf.fit(X[:1_000], y[:1_000])
    process = psutil.Process().memory_info()
    begin = perf_counter()
    with Peak() as peak:
        clf.fit(X, y)
    print(
        json.dumps(
            {
                "resident": (peak.resident - process.rss) / 1e6,
                "anonymous": (peak.anonymous - (process.rss - process.shared)) / 1e6,
                "features": clf.history_["features"][-1],
                "seconds": perf_counter() - begin,
                "accuracy": clf.history_["accuracy"][-1],
            }
        )
    )


def run(case, n_images):
    """Write the images, fit in a new process, return the cells of a row."""
    write = CASES[case][0]
    with TemporaryDirectory() as folder:
        path = Path(folder, "X.npy")
        write(path, n_images, np.random.default_rng(0))
        took = json.loads(last_line_of(sys.executable, __file__, "--fit", case, path))
        size = path.stat().st_size
    return (
        case,
        f"{size / 1e6:.0f}",
        f"{took['resident']:.0f}",
        f"{took['anonymous']:.0f}",
        took["features"],
        f"{took['seconds']:.0f}",
        f"{took['accuracy']:.3f}",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--images", type=int, help="fewer images, to try it out")
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        fit(*options.fit)
        return
    rows = [run(case, options.images or CASES[case][1]) for case in options.cases]
    columns = ["case", "X, MB", "resident, MB", "anonymous, MB", "features", "seconds"]
    columns.append("training accuracy")
    print_table("Beyond what a fit on 1,000 images leaves", columns, rows)


if __name__ == "__main__":
    main()
