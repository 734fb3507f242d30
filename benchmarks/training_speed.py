"""Epochs and whole fits of the small CNN against plain Keras, in one process, in turn.

Run ``python benchmarks/training_speed.py``; it takes about ten minutes on two cores. Both sides
train on the same 30,000 images of Fashion-MNIST, five classes, from the same weights of the body,
with the same optimizer and batches, and are scored on the same 5,000 test images. Keras builds its
model again for every fit, as a user's function would. skfashion's fits are later ones of the
process, so they do not include building and tracing. The first epoch, in which both sides trace or
compute features, is left out of the time of an epoch.
"""

import argparse
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from _plain_keras import as_floats, epoch_clock, small_cnn
from _report import GTE5, LT5, print_table

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist


def target_rows(subset):
    X, y = fetch_fashion_mnist(subset, return_X_y=True)
    rows = np.isin(y, LT5)
    return X[rows], y[rows]


def pretrained_body(path):
    """Pretrain on the other five classes; return the body's weights for Keras, and save them."""
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    rows = np.isin(y, GTE5)
    clf = TransferClassifier(epochs=1, batch_size=128, random_state=0).fit(X[rows], y[rows])
    clf.save_backbone_weights(path)
    return [
        w
        for layer in ("conv1", "conv2")
        for w in clf.model_.get_layer("network").get_layer(layer).get_weights()
    ]


def fit_skfashion(train, test, path, frozen, epochs):
    begin = perf_counter()
    clf = TransferClassifier(
        weights=path,
        freeze_until="features" if frozen else None,
        epochs=epochs,
        batch_size=128,
        random_state=0,
    ).fit(*train)
    seconds = perf_counter() - begin
    return seconds, median(clf.history_["seconds"][1:]), clf.score(*test)


def fit_keras(train, test, body_weights, frozen, epochs):
    X, X_test = as_floats(train[0]), as_floats(test[0])
    clock = epoch_clock()
    begin = perf_counter()
    model = small_cnn(body_weights=body_weights, trainable=not frozen)
    model.fit(X, train[1], batch_size=128, epochs=epochs, verbose=0, callbacks=[clock])
    seconds = perf_counter() - begin
    _, accuracy = model.evaluate(X_test, test[1], verbose=0)
    return seconds, median(clock.seconds[1:]), accuracy


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    train, test = target_rows("train"), target_rows("test")
    runs = {(True, 20): [], (True, 5): [], (False, 3): []}
    with TemporaryDirectory() as folder:
        path = f"{folder}/body.weights.h5"
        body_weights = pretrained_body(path)
        fit_skfashion(train, test, path, True, 2)
        fit_skfashion(train, test, path, False, 2)
        for _ in range(options.rounds):
            for (frozen, epochs), pairs in runs.items():
                theirs = fit_keras(train, test, body_weights, frozen, epochs)
                pairs.append((fit_skfashion(train, test, path, frozen, epochs), theirs))
                print(frozen, epochs, pairs[-1], flush=True)
    what = [
        ("a frozen epoch", (True, 20), 1),
        ("20 frozen epochs, all in", (True, 20), 0),
        ("5 frozen epochs, all in", (True, 5), 0),
        ("an epoch of all layers", (False, 3), 1),
    ]
    rows = []
    for title, run, column in what:
        ours, theirs = np.array(runs[run]).transpose(1, 2, 0)
        rows.append(
            (
                title,
                f"{median(ours[column]):.2f}",
                f"{median(theirs[column]):.2f}",
                f"{median(theirs[column] / ours[column]):.2f}x",
                f"{ours[2].mean():.4f}",
                f"{theirs[2].mean():.4f}",
            )
        )
    columns = ["what", "skfashion, s", "Keras, s", "ratio", "our score", "Keras' score"]
    print_table(f"30,000 images, medians of {options.rounds} rounds in turn", columns, rows)


if __name__ == "__main__":
    main()
