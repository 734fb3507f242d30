"""Second and later fits of 200 images, against a fresh Keras build per fit: time and memory.

Run ``python benchmarks/repeated_fits.py``; it takes about five minutes. Both sides pretrain the
small CNN on five classes, freeze its body and fine-tune it on the other five, with the same rows,
epochs and optimizer, in one process, in turn.
"""

import argparse
import gc
import importlib
from statistics import median
from time import perf_counter

import numpy as np
import psutil
from _grid_peers import class_split_model
from _plain_keras import as_floats
from _report import GTE5, LT5, print_table

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample

EPOCHS = 5


def fit_keras(X, y):
    """Build, pretrain, freeze and fine-tune with plain Keras; return a function that predicts."""
    source, target = (np.isin(y, classes) for classes in (GTE5, LT5))
    model = class_split_model(as_floats(X[source]), y[source], EPOCHS, "features", 0.001, "new")
    model.fit(as_floats(X[target]), y[target], batch_size=128, epochs=EPOCHS, verbose=0)
    return lambda X: model.predict(as_floats(X), verbose=0).argmax(axis=1)


def fit_skfashion(X, y):
    clf = TransferClassifier(
        pretrain_classes=GTE5, pretrain_epochs=EPOCHS, epochs=EPOCHS, batch_size=128
    )
    return clf.fit(X, y).predict


def measure(fit, data):
    """Return the seconds of a fit, those with the predictions, and the accuracy."""
    X, y, X_test, y_test = data
    started = perf_counter()
    predict = fit(X, y)
    fitted = perf_counter()
    predicted = predict(X_test)
    return fitted - started, perf_counter() - started, np.mean(predicted == y_test)


def growth(fit, data, n_fits):
    """Return the megabytes by which the process grows in each of `n_fits` fits in a row."""
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    for _ in range(n_fits):
        measure(fit, data)
    gc.collect()
    return (process.memory_info().rss - before) / n_fits / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=50)
    n_fits = parser.parse_args().fits
    # TensorFlow's import must not count for the side that runs first.
    importlib.import_module("skfashion._keras.tensorflow")
    X, y = load_fashion_sample(return_X_y=True)
    X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    target = y_test < 5
    data = X[:200], y[:200], X_test[target], y_test[target]
    sides = {"skfashion": fit_skfashion, "fresh Keras build": fit_keras}
    first = {name: measure(fit, data)[0] for name, fit in sides.items()}
    # Memory first, one side after the other: what one side frees must not count for the other.
    grown = {name: growth(fit, data, n_fits) for name, fit in sides.items()}
    later = {name: [] for name in sides}
    for _ in range(n_fits):
        for name, fit in sides.items():
            later[name].append(measure(fit, data))
    rows, medians = [], []
    for name, runs in later.items():
        fits, with_predictions, accuracy = np.array(runs).T
        medians.append(np.array([median(fits), median(with_predictions)]))
        rows.append(
            (
                name,
                f"{first[name]:.2f}",
                *(f"{seconds:.3f}" for seconds in medians[-1]),
                f"{grown[name]:.2f}",
                f"{accuracy.mean():.3f}",
            )
        )
    print_table(
        f"Fits of 200 images, 5 + 5 epochs, and predictions of 500; {n_fits} fits each, in turn",
        [
            "side",
            "first fit, s",
            "later fits, s",
            "and predicting, s",
            "growth a fit, MB",
            "accuracy",
        ],
        rows,
    )
    ours, theirs = medians
    fits, with_predictions = theirs / ours
    print(f"later fits {fits:.1f}x, with predictions {with_predictions:.1f}x cheaper")


if __name__ == "__main__":
    main()
