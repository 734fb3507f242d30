"""How near training comes to the machine's peak, and how fits grow with rows, epochs, candidates.

Run ``python benchmarks/where_time_goes.py``; it takes about ten minutes on two cores. The peak is
that of a multiplication of two 2,048 x 2,048 matrices, measured in turn with the steps. It writes
growth.png.
"""

import argparse
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from _report import GTE5, print_table
from sklearn.model_selection import GridSearchCV

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist
from skfashion.model_selection import ClassSplitCV

SIDE = 2048
# Multiplications and additions an image, forward: conv1, conv2, dense, output (5 classes).
CONV = 2 * (26 * 26 * 32 * 9 + 24 * 24 * 32 * 9 * 32)
DENSE = 2 * (4608 * 128 + 128 * 5)


def operations(frozen):
    """Return operations an image of a step.

    Gradients of a layer's inputs and of its weights cost as much again; the first layer that trains
    needs none of its inputs.
    """
    if frozen:
        return 3 * DENSE - 2 * 4608 * 128
    return 3 * (CONV + DENSE) - 2 * 26 * 26 * 32 * 9


def peak():
    """Return the operations a second of a matrix multiplication."""
    import tensorflow as tf

    a = tf.random.normal((SIDE, SIDE))
    tf.matmul(a, a).numpy()
    begin = perf_counter()
    for _ in range(5):
        tf.matmul(a, a).numpy()
    return 5 * 2 * SIDE**3 / (perf_counter() - begin)


def shares(X, y, rounds):
    target = ~np.isin(y, GTE5)
    reached = {"every layer trains": [], "frozen, features kept": []}
    peaks = []
    for _ in range(rounds):
        for name, of in reached.items():
            frozen = name != "every layer trains"
            params = {"pretrain_classes": GTE5, "pretrain_epochs": 0} if frozen else {}
            clf = TransferClassifier(**params, epochs=3, random_state=0)
            clf.fit(X, y) if frozen else clf.fit(X[target], y[target])
            of.append(target.sum() * operations(frozen) / min(clf.history_["seconds"][1:]))
        peaks.append(peak())
    return [("matrix multiplication", f"{median(peaks) / 1e9:.0f}", "100 %")] + [
        (name, f"{median(of) / 1e9:.0f}", f"{100 * median(np.divide(of, peaks)):.0f} %")
        for name, of in reached.items()
    ]


def seconds_of_fit(X, y, epochs):
    clf = TransferClassifier(
        pretrain_classes=GTE5, pretrain_epochs=0, epochs=epochs, random_state=0
    )
    begin = perf_counter()
    clf.fit(X, y)
    return perf_counter() - begin


def seconds_of_search(X, y, n_candidates):
    grid = {"learning_rate": np.geomspace(1e-4, 1e-2, n_candidates)}
    with TemporaryDirectory() as folder:
        clf = TransferClassifier(
            pretrain_classes=GTE5, pretrain_epochs=2, epochs=2, random_state=0, memory=folder
        )
        cv = ClassSplitCV(3, pretrain_classes=GTE5)
        begin = perf_counter()
        GridSearchCV(clf, grid, cv=cv, refit=False).fit(X, y)
        return perf_counter() - begin


def growth(X, y):
    curves = {
        "images (5 epochs)": (
            [2_000, 6_000, 20_000, 60_000],
            lambda n: seconds_of_fit(X[:n], y[:n], 5),
        ),
        "epochs (20,000 images)": (
            [1, 2, 5, 10, 20, 40],
            lambda n: seconds_of_fit(X[:20_000], y[:20_000], n),
        ),
        "candidates of a search (12,000 images, 3 folds)": (
            [1, 2, 4, 8, 16],
            lambda n: seconds_of_search(X[:12_000], y[:12_000], n),
        ),
    }
    return {
        name: (sizes, [median(measure(n) for _ in range(3)) for n in sizes])
        for name, (sizes, measure) in curves.items()
    }


def draw(curves, path):
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    for axes, (name, (sizes, seconds)) in zip(panels, curves.items(), strict=True):
        axes.plot(sizes, seconds, marker="o")
        axes.set(xlabel=name, ylabel="seconds", xlim=(0, None), ylim=(0, None))
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    columns = ["step", "10^9 operations a second", "of the peak"]
    print_table("30,000 images, the faster of two epochs", columns, shares(X, y, options.rounds))
    curves = growth(X, y)
    rows = [
        (name, size, f"{time:.2f}")
        for name, (sizes, seconds) in curves.items()
        for size, time in zip(sizes, seconds, strict=True)
    ]
    print_table("Growth", ["with", "number", "median s"], rows)
    draw(curves, "growth.png")


if __name__ == "__main__":
    main()
