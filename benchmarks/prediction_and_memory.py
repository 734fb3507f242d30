"""Prediction, peak memory of a fit and import time, against plain Keras and scikit-learn.

Run ``python benchmarks/prediction_and_memory.py``; it takes about five minutes on two cores. Memory
and imports are measured in new processes, in turn. The peak of memory is read from Linux's /proc.
"""

import argparse
import sys
from statistics import median
from time import perf_counter

import numpy as np
from _plain_keras import as_floats, small_cnn
from _processes import last_line_of
from _report import GTE5, print_table

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

FITS = {
    "start-up": """
import tensorflow
import skfashion
""",
    "skfashion, all layers": """
from skfashion import TransferClassifier
clf = TransferClassifier(epochs=1, batch_size=128, random_state=0).fit(X, y)
""",
    "skfashion, frozen": """
from skfashion import TransferClassifier
clf = TransferClassifier(
    pretrain_classes=[5, 6, 7, 8, 9], pretrain_epochs=1, epochs=1, batch_size=128, random_state=0
).fit(X, y)
""",
    "Keras, all layers": """
import sys
sys.path.insert(0, {folder!r})
from _plain_keras import as_floats, small_cnn
small_cnn(10).fit(as_floats(X), y, batch_size=128, epochs=1, verbose=0)
""",
}
DATA = """
from skfashion.datasets import fetch_fashion_mnist
X, y = fetch_fashion_mnist("train", return_X_y=True)
"""
# A process inherits getrusage's peak from the process that started it.
PEAK = """
from pathlib import Path
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0], "kB")
"""


def in_new_process(code):
    """Run code in a new process; return the first number of the last line that it prints."""
    return float(last_line_of(sys.executable, "-c", code).split()[0])


def peak_memory(rounds):
    folder = sys.path[0]
    peaks = {name: [] for name in FITS}
    for _ in range(rounds):
        for name, code in FITS.items():
            peaks[name].append(in_new_process(DATA + code.format(folder=folder) + PEAK) / 1024)
    start = median(peaks["start-up"])
    return [(name, f"{median(of):.0f}", f"{median(of) - start:.0f}") for name, of in peaks.items()]


def import_times(rounds):
    code = "from time import perf_counter as t; a = t(); import sklearn{}; print((t() - a) * 1e3)"
    plain, ours = [], []
    for _ in range(rounds):
        plain.append(in_new_process(code.format("")))
        ours.append(in_new_process(code.format(", skfashion")))
    return [
        ("import sklearn", f"{median(plain):.0f}"),
        ("import sklearn, skfashion", f"{median(ours):.0f}"),
    ]


def predictions(rounds):
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    X_test, y_test = fetch_fashion_mnist("test", return_X_y=True)
    X, y = X[:10_000], y[:10_000]
    floats = as_floats(X_test)
    full = TransferClassifier(epochs=1, batch_size=128, random_state=0).fit(X, y)
    frozen = TransferClassifier(
        pretrain_classes=GTE5, pretrain_epochs=1, epochs=1, batch_size=128, random_state=0
    ).fit(X, y)
    keras_model = small_cnn(10)
    keras_model.fit(as_floats(X), y, batch_size=128, epochs=1, verbose=0)
    sides = {
        "skfashion": lambda: full.predict_proba(X_test),
        "skfashion, frozen": lambda: frozen.predict_proba(X_test),
        "Keras, predict": lambda: keras_model.predict(floats, verbose=0),
        "Keras, predict in batches of 128": lambda: keras_model.predict(
            floats, batch_size=128, verbose=0
        ),
    }
    times = {name: [] for name in sides}
    scores = {}
    for _ in range(rounds + 1):
        for name, predict in sides.items():
            begin = perf_counter()
            probabilities = predict()
            times[name].append(perf_counter() - begin)
            if probabilities.shape[1] == 10:
                scores[name] = f"{np.mean(probabilities.argmax(axis=1) == y_test):.3f}"
    ours = np.array(times["skfashion"][1:])
    return [
        (
            name,
            f"{median(of[1:]):.3f}",
            f"{median(np.array(of[1:]) / ours):.2f}x",
            scores.get(name, "-"),
        )
        for name, of in times.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    columns = ["side", "median s", "of skfashion's", "score"]
    print_table("Probabilities of 10,000 images", columns, predictions(3 * rounds))
    columns = ["side", "peak, MB", "beyond start-up, MB"]
    print_table("Peak memory of a fit on 60,000 images, an epoch", columns, peak_memory(rounds))
    print_table("Imports", ["what", "median ms"], import_times(3 * rounds))


if __name__ == "__main__":
    main()
