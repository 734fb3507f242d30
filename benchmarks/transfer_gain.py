"""Gain of transfer with few images of each target class, with both sides tuned alike.

Run ``python benchmarks/transfer_gain.py``; it takes about 150 minutes on two cores, and
``--networks small_resnet --sizes 10`` a part. Each result is written to a file as soon as it is
done, and found there by the next run.

The source task has the 30,000 training images of its classes, the target task 10, 50 or 200 of
each. A network is pretrained once for each seed, its body is saved, and target fits start from that
file. The freeze point of each fit is found by a grid search on its training rows, with a third of
the epochs. The head of the small ResNet starts from a probe, that of the small CNN from random
weights. The gain includes the search and the probe. The test images are scored once, at the end.

The options of both sides are chosen alike: ``--choose`` fits each side with each of `CANDIDATES`,
on another draw of 10 and of 50 images, and scores validation images that no fit has. Transfer
freezes nothing there. Two more draws of `FINALISTS`, the best candidates of either side, decide,
because one draw changes the order of candidates. `CHOICE` holds the result.
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
# How the source task trains.
PRETRAINING = {
    "small_cnn": {"epochs": 5, "batch_size": 128},
    "small_resnet": {
        "epochs": 8,
        "batch_size": 128,
        "augmentation": ("flip", "crop"),
    },
}
# A probe of the small CNN would be one of its random hidden layer.
HEAD_INIT = {"small_cnn": "random", "small_resnet": "probe"}
POINTS = {
    "small_cnn": [0, "conv1", "conv2"],
    "small_resnet": [0, "block1", "block2"],
}
SIDES = ("scratch", "transfer")
DTYPES = {"small_cnn": "float32", "small_resnet": "mixed_bfloat16"}
# Both sides train with the recipe that the small ResNet ships for random weights, whatever its
# recipe for pretrained ones.
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
FINALISTS = (
    ("flip, crop", 3_000),
    ("flip, crop, decay", 3_000),
    ("flip, crop, mixup", 3_000),
    ("flip, crop, mixup, slow body", 3_000),
)
# Draws and pretrained networks of the test have the first numbers.
DRAWS_TO_CHOOSE = (100, 101, 102)
# What `--choose` printed, by network and side.
CHOICE = {
    ("small_cnn", "scratch"): ("none", 1_000),
    ("small_cnn", "transfer"): ("none", 1_000),
    ("small_resnet", "scratch"): ("flip, crop, mixup", 3_000),
    ("small_resnet", "transfer"): ("flip, crop", 3_000),
}
BATCH_SIZE = 16
# Fits of a search have a third of the epochs.
SEARCH_DIVISOR = 3


def source_plan(network):
    return plan_of(DTYPES[network], PRETRAINING[network])


def plan(network, side, candidate):
    """Return a name of everything that a fit trains with."""
    regularization, updates = candidate
    settings = [DTYPES[network], BATCH_SIZE, RECIPE, REGULARIZATION[regularization], updates]
    if side == "transfer":
        settings += [source_plan(network), HEAD_INIT[network], POINTS[network], SEARCH_DIVISOR]
    return plan_of(*settings)


class Source:
    """Networks pretrained on a source task, a file for each seed."""

    def __init__(self, folder: Path, train):
        self._folder, self._train = folder, train

    def weights(self, network, direction, seed):
        """Return the file of a pretrained body; train it first if there is none."""
        name = f"{network} {source_plan(network)} {direction} {seed}.weights.h5"
        path = self._folder / name
        if not path.exists():
            X, y = self._train
            of_source = np.isin(y, DIRECTIONS[direction][0])
            clf = TransferClassifier(
                network,
                dtype=DTYPES[network],
                random_state=seed,
                checkpoint=self._folder,
                **PRETRAINING[network],
            )
            clf.fit(X[of_source], y[of_source]).save_backbone_weights(path)
        return path


def fit(network, side, candidate, few, seed, weights, searches):
    """Return a fitted estimator. `searches` says whether transfer searches its freeze point."""
    regularization, updates = candidate
    clf = TransferClassifier(
        network,
        dtype=DTYPES[network],
        batch_size=BATCH_SIZE,
        epochs=-(-updates // -(-len(few[0]) // BATCH_SIZE)),
        random_state=seed,
        **{"recipe": RECIPE, **REGULARIZATION[regularization]},
    )
    if side == "scratch":
        return clf.fit(*few)
    points = POINTS[network]
    clf.set_params(weights=weights, head_init=HEAD_INIT[network], freeze_until=points[0])
    if searches:
        short = clone(clf).set_params(epochs=-(-clf.epochs // SEARCH_DIVISOR))
        search = GridSearchCV(short, {"freeze_until": points}, cv=3, refit=False).fit(*few)
        clf.set_params(**search.best_params_)
    return clf.fit(*few)


def run(network, side, candidate, direction, size, seed, source, train, test, searches):
    """Return accuracy and freeze point of one fit."""
    target = DIRECTIONS[direction][1]
    weights = source.weights(network, direction, seed % 100) if side == "transfer" else None
    rows = draw_rows(train[1], size, seed, target)
    few = tuple(part[rows] for part in train)
    clf = fit(network, side, candidate, few, seed, weights, searches)
    of_target = np.isin(test[1], target)
    return {
        "accuracy": clf.score(*(part[of_target] for part in test)),
        "freeze_until": clf.freeze_until,
    }


def choose(options, results, source, train):
    """Print the accuracy of candidates on validation images, by network and side."""
    data = [part[:-N_VALIDATION] for part in train], [part[-N_VALIDATION:] for part in train]

    def mean_accuracy(network, side, candidate, size, draws):
        accuracies = []
        for direction, draw in product(DIRECTIONS, draws):
            fit_of_cell = network, side, candidate, direction, size, draw
            cell = "choose", plan(network, side, candidate), *map(str, fit_of_cell)
            compute = partial(run, *fit_of_cell, source, *data, searches=False)
            accuracies.append(results.get(cell, compute)["accuracy"])
        return np.mean(accuracies)

    columns = ["network", "side", "regularization", "updates"]
    columns += [*(f"{size} images" for size in SIZES_TO_CHOOSE), "mean"]
    for candidates, draws in ((CANDIDATES, DRAWS_TO_CHOOSE[:1]), (FINALISTS, DRAWS_TO_CHOOSE)):
        rows = []
        for tried in product(options.networks, options.sides, candidates):
            means = [mean_accuracy(*tried, size, draws) for size in SIZES_TO_CHOOSE]
            network, side, candidate = tried
            cells = [f"{mean:.4f}" for mean in (*means, np.mean(means))]
            rows.append([network, side, *candidate, *cells])
        n_draws = "one draw" if len(draws) == 1 else f"{len(draws)} draws"
        print_table(f"validation accuracy, mean of both directions, {n_draws}", columns, rows)
    results.print_origins()


def compare(options, results, source, train, test):
    """Print test accuracies of both sides."""
    rows = []
    for network, direction, size in product(options.networks, DIRECTIONS, options.sizes):
        runs = {side: [] for side in SIDES}
        for side, seed in product(options.sides, range(options.seeds)):
            candidate = CHOICE[network, side]
            fit_of_cell = network, side, candidate, direction, size, seed
            cell = "test", plan(network, side, candidate), *map(str, fit_of_cell)
            compute = partial(run, *fit_of_cell, source, train, test, searches=True)
            runs[side].append(results.get(cell, compute))
        if set(options.sides) < set(SIDES):
            continue
        scratch, transfer = (np.array([each["accuracy"] for each in runs[side]]) for side in SIDES)
        cells = [network, direction, size, with_spread(transfer), with_spread(scratch)]
        points = ", ".join(str(each["freeze_until"]) for each in runs["transfer"])
        rows.append([*cells, f"{100 * np.mean(transfer - scratch):+.1f}", points])
    print_table(
        f"test accuracy, mean of {options.seeds} draws and half their spread, gain in points",
        ["network", "task", "images", "transfer", "scratch", "gain", "freeze points"],
        rows,
    )
    results.print_origins()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(POINTS), default=list(POINTS))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--folder", type=Path, default=RESULTS.parent / "transfer_gain")
    parser.add_argument("--results", type=Path, default=RESULTS / "transfer_gain.jsonl")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    train = fetch_fashion_mnist("train", return_X_y=True)
    source, results = Source(options.folder, train), Results(options.results)
    if options.choose:
        choose(options, results, source, train)
    else:
        compare(options, results, source, train, fetch_fashion_mnist("test", return_X_y=True))


if __name__ == "__main__":
    main()
