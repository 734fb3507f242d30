"""Transfer with few images of each target class, at every freeze point, against scratch.

Run ``python benchmarks/few_images.py``; it takes about fifteen minutes on two cores. The source
task has all 30,000 training images of its classes, the target task the first 10, 50 or 200 of
each. Every cell has the same number of epochs on the target task.
"""

import argparse
import copy

import numpy as np
from _report import DIRECTIONS, print_table, with_spread

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

POINTS = [0, "conv1", "conv2", "dense"]
SIZES = [10, 50, 200]


def first_of_each(X, y, classes, n):
    rows = np.concatenate([np.flatnonzero(y == label)[:n] for label in classes])
    return X[rows], y[rows]


def accuracies(source, target, seed, epochs, train, test):
    """Return test accuracies by (images of a class, freeze point or "scratch")."""
    pretrained = TransferClassifier(
        pretrain_classes=source,
        target_classes=target,
        pretrain_epochs=5,
        epochs=0,
        batch_size=128,
        random_state=seed,
    ).fit(*train)
    scores = {}
    for size in SIZES:
        few = first_of_each(*train, target, size)
        for point in POINTS:
            clf = copy.deepcopy(pretrained)
            clf.set_params(warm_start=True, freeze_until=point, epochs=epochs).fit(*few)
            scores[size, point] = clf.score(*test)
        scratch = TransferClassifier(epochs=epochs, batch_size=128, random_state=seed).fit(*few)
        in_target = np.isin(test[1], target)
        scores[size, "scratch"] = scratch.score(test[0][in_target], test[1][in_target])
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    train = fetch_fashion_mnist("train", return_X_y=True)
    test = fetch_fashion_mnist("test", return_X_y=True)
    for direction, (source, target) in DIRECTIONS.items():
        runs = [
            accuracies(source, target, seed, options.epochs, train, test)
            for seed in range(options.seeds)
        ]
        rows = []
        for size in SIZES:
            cells = [[run[size, point] for run in runs] for point in [*POINTS, "scratch"]]
            rows.append([size, *map(with_spread, cells)])
        print_table(
            f"{direction}, {options.epochs} epochs: test accuracy, mean of {options.seeds} seeds "
            "and half their spread, by freeze point",
            ["images a class", *map(str, POINTS), "scratch"],
            rows,
        )


if __name__ == "__main__":
    main()
