"""Gain of transfer with few images of each target class, with both sides tuned alike.

Run ``python benchmarks/transfer_gain.py``; it takes about seven hours on one core, and
``--sizes 10`` a part. Each result is written to a file as soon as it is done, and found there by
the next run.

The network is the small ResNet. The source task has the 30,000 training images of its classes, the
target task 10, 50 or 200 of each. The network is pretrained once for each seed, its body is saved,
and target fits start from that file. The freeze point of each fit is found by a grid search on its
training rows, with a third of the epochs. The head starts from a probe. The gain includes the
search and the probe. The test images are scored once, at the end.

The options of both sides are chosen alike, before that: each side is fitted with each of
`CANDIDATES` on another draw of 10 and of 50 images, and scores validation images that no fit has.
Transfer freezes nothing there. The candidate with the best mean is the choice of its side.
"""

import argparse
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from _draws import draw_rows
from _report import DIRECTIONS, print_table, with_spread
from _results import RESULTS, Results, plan_of
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skfashion import Recipe, TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

SIZES = (10, 50, 200)
SIZES_TO_CHOOSE = (10, 50)
N_VALIDATION = 5_000
NETWORK = "small_resnet"
DTYPE = "mixed_bfloat16"
# How the source task trains.
PRETRAINING = {"epochs": 8, "batch_size": 128, "augmentation": ("flip", "crop")}
HEAD_INIT = "probe"
POINTS = [0, "block1", "block2"]
SIDES = ("scratch", "transfer")
# Both sides train with the recipe that the network ships for random weights, whatever its recipe
# for pretrained ones.
RECIPE = Recipe(
    head_factor=4.0,
    body_factor=1.0,
    schedule="linear",
    warmup=0.2,
    weight_decay=0.05,
    label_smoothing=0.1,
    average=0.1,
    mixup=0.0,
    clip_norm=np.inf,
    batch_norm="train",
)
FLIP_AND_CROP = ("flip", "crop")
REGULARIZATION = {
    "none": {},
    "flip, crop": {"augmentation": FLIP_AND_CROP},
    "flip, crop, decay": {
        "augmentation": FLIP_AND_CROP,
        "recipe": clone(RECIPE).set_params(weight_decay=0.5),
    },
    "flip, crop, mixup": {
        "augmentation": FLIP_AND_CROP,
        "recipe": clone(RECIPE).set_params(mixup=1.0),
    },
    "flip, crop, slow body": {
        "augmentation": FLIP_AND_CROP,
        "recipe": clone(RECIPE).set_params(body_factor=0.1),
    },
    "flip, crop, mixup, slow body": {
        "augmentation": FLIP_AND_CROP,
        "recipe": clone(RECIPE).set_params(mixup=1.0, body_factor=0.1),
    },
}
CANDIDATES = (
    ("none", 1_000),
    ("flip, crop", 1_000),
    ("flip, crop", 3_000),
    ("flip, crop, decay", 3_000),
    ("flip, crop, mixup", 3_000),
    ("flip, crop, slow body", 3_000),
    ("flip, crop, mixup, slow body", 3_000),
)
# Draws of the test have the first numbers.
DRAW_TO_CHOOSE = 100
BATCH_SIZE = 16
# Fits of a search have a third of the epochs.
SEARCH_DIVISOR = 3


SOURCE_PLAN = plan_of(DTYPE, PRETRAINING)


def plan(side, candidate):
    """Return a name of everything that a fit trains with."""
    regularization, updates = candidate
    settings = [DTYPE, BATCH_SIZE, RECIPE, REGULARIZATION[regularization], updates]
    if side == "transfer":
        settings += [SOURCE_PLAN, HEAD_INIT, POINTS, SEARCH_DIVISOR]
    return plan_of(*settings)


class Source:
    """Networks pretrained on a source task, a file for each seed."""

    def __init__(self, folder: Path, train):
        self._folder, self._train = folder, train

    def weights(self, direction, seed):
        """Return the file of a pretrained body; train it first if there is none."""
        path = self._folder / f"{NETWORK} {SOURCE_PLAN} {direction} {seed}.weights.h5"
        if not path.exists():
            X, y = self._train
            of_source = np.isin(y, DIRECTIONS[direction][0])
            clf = TransferClassifier(
                NETWORK,
                dtype=DTYPE,
                random_state=seed,
                checkpoint=self._folder,
                **PRETRAINING,
            )
            clf.fit(X[of_source], y[of_source]).save_backbone_weights(path)
        return path


def fit(side, candidate, few, seed, weights, searches):
    """Return a fitted estimator. `searches` says whether transfer searches its freeze point."""
    regularization, updates = candidate
    clf = TransferClassifier(
        NETWORK,
        dtype=DTYPE,
        batch_size=BATCH_SIZE,
        epochs=-(-updates // -(-len(few[0]) // BATCH_SIZE)),
        random_state=seed,
        **{"recipe": RECIPE, **REGULARIZATION[regularization]},
    )
    if side == "scratch":
        return clf.fit(*few)
    clf.set_params(weights=weights, head_init=HEAD_INIT, freeze_until=POINTS[0])
    if searches:
        short = clone(clf).set_params(epochs=-(-clf.epochs // SEARCH_DIVISOR))
        search = GridSearchCV(short, {"freeze_until": POINTS}, cv=3, refit=False).fit(*few)
        clf.set_params(**search.best_params_)
    return clf.fit(*few)


def run(side, candidate, direction, size, seed, source, train, test, searches):
    """Return accuracy and freeze point of one fit."""
    target = DIRECTIONS[direction][1]
    weights = source.weights(direction, seed % 100) if side == "transfer" else None
    rows = draw_rows(train[1], size, seed, target)
    few = tuple(part[rows] for part in train)
    clf = fit(side, candidate, few, seed, weights, searches)
    of_target = np.isin(test[1], target)
    return {
        "accuracy": clf.score(*(part[of_target] for part in test)),
        "freeze_until": clf.freeze_until,
    }


class Cells:
    """Accuracies and freeze points of fits, computed once."""

    def __init__(self, results, source, train):
        self._results, self._source, self._train = results, source, train

    def validation(self, side, candidate, direction, size):
        """Return the result on the last training images of a fit to a draw of the others."""
        train, held_out = (
            [part[rows] for part in self._train]
            for rows in (slice(-N_VALIDATION), slice(-N_VALIDATION, None))
        )
        fit_of_cell = side, candidate, direction, size, DRAW_TO_CHOOSE
        return self._get("choose", fit_of_cell, train, held_out, searches=False)

    def test(self, side, candidate, direction, size, seed, test):
        fit_of_cell = side, candidate, direction, size, seed
        return self._get("test", fit_of_cell, self._train, test, searches=True)

    def _get(self, purpose, fit_of_cell, *data, searches):
        cell = purpose, plan(*fit_of_cell[:2]), NETWORK, *map(str, fit_of_cell)
        compute = partial(run, *fit_of_cell, self._source, *data, searches=searches)
        return self._results.get(cell, compute)


def choose(side, cells):
    """Return a row for each candidate, and the candidate with the best mean."""
    rows, means = [], {}
    for candidate in CANDIDATES:
        accuracies = [
            [
                cells.validation(side, candidate, direction, size)["accuracy"]
                for direction in DIRECTIONS
            ]
            for size in SIZES_TO_CHOOSE
        ]
        means[candidate] = np.mean(accuracies)
        figures = [*np.mean(accuracies, axis=1), means[candidate]]
        rows.append([side, *candidate, *(f"{mean:.4f}" for mean in figures)])
    return rows, max(means, key=means.get)


def compare(choices, direction, size, n_seeds, cells, test):
    """Return the row of a task and a size, in the columns of the table of test accuracies."""
    runs = {
        side: [cells.test(side, candidate, direction, size, seed, test) for seed in range(n_seeds)]
        for side, candidate in choices.items()
    }
    scratch, transfer = (np.array([each["accuracy"] for each in runs[side]]) for side in SIDES)
    points = ", ".join(str(each["freeze_until"]) for each in runs["transfer"])
    gain = f"{100 * np.mean(transfer - scratch):+.1f}"
    return [direction, size, with_spread(transfer), with_spread(scratch), gain, points]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=RESULTS.parent / "transfer_gain")
    parser.add_argument("--results", type=Path, default=RESULTS / "transfer_gain.jsonl")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    train, test = (fetch_fashion_mnist(part, return_X_y=True) for part in ("train", "test"))
    results = Results(options.results)
    cells = Cells(results, Source(options.folder, train), train)

    tried, choices = [], {}
    for side in SIDES:
        rows, choices[side] = choose(side, cells)
        tried += rows
    print_table(
        "validation accuracy, one draw, mean of both directions",
        [
            "side",
            "regularization",
            "updates",
            *(f"{size} images" for size in SIZES_TO_CHOOSE),
            "mean",
        ],
        tried,
    )
    print_table(
        f"test accuracy, mean of {options.seeds} draws and half their spread, gain in points",
        ["task", "images", "transfer", "scratch", "gain", "freeze points"],
        [
            compare(choices, direction, size, options.seeds, cells, test)
            for direction, size in product(DIRECTIONS, options.sizes)
        ],
    )
    results.print_origins()


if __name__ == "__main__":
    main()
