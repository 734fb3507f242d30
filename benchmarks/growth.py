"""Seconds of fits by images, epochs and candidates of a search, against Keras and code by hand.

Run ``python benchmarks/growth.py``; it takes about seven minutes on two cores. The peers are plain
Keras for frozen fits, and the hand-written estimator for searches over learning rates. Each point
is measured once. Keras builds its model again for every fit. skfashion's fits are later ones of the
process. The script writes growth.png.
"""

import argparse
from functools import partial
from tempfile import TemporaryDirectory

import numpy as np
from _grid_peers import HandWritten
from _plain_keras import as_floats, small_cnn
from _report import GTE5, print_table, seconds_of
from sklearn.model_selection import GridSearchCV

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist
from skfashion.model_selection import ClassSplitCV

SIDES = "skfashion", "peer"


def fit_frozen(X, y, epochs):
    TransferClassifier(freeze_until="features", epochs=epochs, batch_size=128, random_state=0).fit(
        X, y
    )


def fit_frozen_in_keras(X, y, epochs):
    small_cnn(trainable=False).fit(as_floats(X), y, batch_size=128, epochs=epochs, verbose=0)


def search(X, y, n_candidates, estimator):
    grid = {"learning_rate": np.geomspace(1e-4, 1e-2, n_candidates)}
    cv = ClassSplitCV(3, pretrain_classes=GTE5)
    GridSearchCV(estimator, grid, cv=cv, refit=False, error_score="raise").fit(X, y)


def search_with_memory(X, y, n_candidates):
    with TemporaryDirectory() as folder:
        clf = TransferClassifier(
            pretrain_classes=GTE5,
            pretrain_epochs=2,
            epochs=2,
            batch_size=128,
            random_state=0,
            memory=folder,
        )
        search(X, y, n_candidates, clf)


def search_by_hand(X, y, n_candidates):
    search(X, y, n_candidates, HandWritten(GTE5, epochs=2, freeze_until="features"))


def growth(X, y):
    """Return, by what grows, its sizes and the seconds of both sides, in turn."""
    target = ~np.isin(y, GTE5)
    X_target, y_target = X[target], y[target]
    fits, searches = (fit_frozen, fit_frozen_in_keras), (search_with_memory, search_by_hand)
    curves = {
        "images (5 frozen epochs)": (
            [1_000, 3_000, 10_000, 30_000],
            [lambda n, fit=fit: fit(X_target[:n], y_target[:n], 5) for fit in fits],
        ),
        "frozen epochs (10,000 images)": (
            [1, 2, 5, 10, 20, 40],
            [lambda n, fit=fit: fit(X_target[:10_000], y_target[:10_000], n) for fit in fits],
        ),
        "candidates (12,000 images, 3 folds)": (
            [1, 2, 4, 8],
            [lambda n, run=run: run(X[:12_000], y[:12_000], n) for run in searches],
        ),
    }
    return {
        name: (sizes, [[seconds_of(partial(side, n)) for side in sides] for n in sizes])
        for name, (sizes, sides) in curves.items()
    }


def draw(curves, path):
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(curves), figsize=(10, 3.2), layout="constrained")
    for axes, (name, (sizes, seconds)) in zip(panels, curves.items(), strict=True):
        for side, marker, values in zip(SIDES, "os", np.transpose(seconds), strict=True):
            axes.plot(sizes, values, marker=marker, label=side)
        axes.set(xlabel=name, ylabel="seconds", xlim=(0, None), ylim=(0, None))
    panels[0].legend(frameon=False)
    figure.savefig(path, dpi=150)


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    # The first fit of the process builds and traces both phases, which is not measured here.
    warm_up = TransferClassifier(pretrain_classes=GTE5, pretrain_epochs=1, epochs=1, batch_size=128)
    warm_up.fit(X[:200], y[:200])
    curves = growth(X, y)
    rows = [
        (name, size, f"{ours:.2f}", f"{theirs:.2f}", f"{theirs / ours:.1f}x")
        for name, (sizes, seconds) in curves.items()
        for size, (ours, theirs) in zip(sizes, seconds, strict=True)
    ]
    print_table("Growth", ["with", "number", *(f"{side}, s" for side in SIDES), "ratio"], rows)
    draw(curves, "growth.png")


if __name__ == "__main__":
    main()
