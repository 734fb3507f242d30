"""Gain of transfer with few images of each target class, with both sides tuned alike.

Run ``python benchmarks/transfer_gain.py``; it takes about eight hours on one core, and
``--sizes 10`` a part. Each result is written to a file as soon as it is done, and found there by
the next run.

The network is the small ResNet. The source task has the 30,000 training images of its classes, the
target task 10, 50 or 200 of each. The network is pretrained once for each seed, its body is saved,
and target fits start from that file. Their head starts from a probe. The table has the accuracy at
each freeze point, and at the one that a grid search finds on the training rows of a fit, with a
third of the epochs. The gain is that of the searched point. The test images choose nothing.

The options of both sides are chosen alike, before that: each side is fitted with each of
`CANDIDATES` on another draw of 10 and of 50 images, and scores validation images that no fit has.
Transfer freezes nothing there. The candidate with the best mean is the choice of its side.

A last table has both sides with default settings, on the same draws.
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
# Both sides train the whole network. The default may end a pretrained body early.
TRANSFER = {"head_init": "probe", "body_until": None}
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
        settings += [SOURCE_PLAN, TRANSFER, POINTS, SEARCH_DIVISOR]
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


def make_classifier(candidate, n_rows, seed, weights=None):
    """Return an estimator with the options of a candidate. Transfer has a file of weights."""
    regularization, updates = candidate
    clf = TransferClassifier(
        NETWORK,
        dtype=DTYPE,
        batch_size=BATCH_SIZE,
        epochs=-(-updates // -(-n_rows // BATCH_SIZE)),
        random_state=seed,
        **{"recipe": RECIPE, **REGULARIZATION[regularization]},
    )
    return clf if weights is None else clf.set_params(weights=weights, **TRANSFER)


def search_freeze_point(clf, few):
    """Return the freeze point with the best mean over three folds of short fits."""
    short = clone(clf).set_params(epochs=-(-clf.epochs // SEARCH_DIVISOR))
    search = GridSearchCV(short, {"freeze_until": POINTS}, cv=3, refit=False).fit(*few)
    return search.best_params_["freeze_until"]


class Cells:
    """Accuracies and freeze points of fits, computed once."""

    def __init__(self, results, source, train, test):
        self._results, self._source, self._train, self._test = results, source, train, test

    def validation(self, side, candidate, direction, size):
        """Return the accuracy on the last training images of a fit to a draw of the others."""
        train, held_out = (
            [part[rows] for part in self._train]
            for rows in (slice(-N_VALIDATION), slice(-N_VALIDATION, None))
        )
        point = () if side == "scratch" else (POINTS[0],)
        fit_of_cell = side, candidate, direction, size, DRAW_TO_CHOOSE, *point
        return self._accuracy("choose", fit_of_cell, train, held_out)

    def test(self, side, candidate, direction, size, seed, *point):
        """Return the accuracy on test images. `point` is the freeze point of transfer."""
        fit_of_cell = side, candidate, direction, size, seed, *point
        return self._accuracy("test", fit_of_cell, self._train, self._test)

    def default(self, side, direction, size, seed):
        """Return the accuracy of default settings on test images."""
        compute = partial(self._fit_default, side, direction, size, seed)
        cell = "default", NETWORK, side, direction, str(size), str(seed)
        return self._results.get(cell, compute)["accuracy"]

    def freeze_point(self, candidate, direction, size, seed):
        """Return the freeze point that a search on the training rows finds."""
        fit_of_cell = "transfer", candidate, direction, size, seed
        compute = partial(self._search, *fit_of_cell)
        return self._results.get(self._cell("search", fit_of_cell), compute)["freeze_until"]

    def _accuracy(self, purpose, fit_of_cell, train, scored):
        compute = partial(self._fit, *fit_of_cell, train=train, scored=scored)
        return self._results.get(self._cell(purpose, fit_of_cell), compute)["accuracy"]

    def _cell(self, purpose, fit_of_cell):
        return purpose, plan(*fit_of_cell[:2]), NETWORK, *map(str, fit_of_cell)

    def _prepare(self, side, candidate, direction, size, seed, train):
        few = self._draw(direction, size, seed, train)
        weights = self._weights(side, direction, seed)
        return make_classifier(candidate, len(few[1]), seed, weights), few

    def _draw(self, direction, size, seed, train):
        rows = draw_rows(train[1], size, seed, DIRECTIONS[direction][1])
        return [part[rows] for part in train]

    def _weights(self, side, direction, seed):
        return self._source.weights(direction, seed % 100) if side == "transfer" else None

    def _search(self, *fit_of_cell):
        return {"freeze_until": search_freeze_point(*self._prepare(*fit_of_cell, self._train))}

    def _fit(self, side, candidate, direction, size, seed, *point, train, scored):
        clf, few = self._prepare(side, candidate, direction, size, seed, train)
        for freeze_until in point:
            clf.set_params(freeze_until=freeze_until)
        return self._score(clf.fit(*few), direction, scored)

    def _fit_default(self, side, direction, size, seed):
        weights = self._weights(side, direction, seed)
        clf = TransferClassifier(NETWORK, weights=weights, random_state=seed)
        few = self._draw(direction, size, seed, self._train)
        return self._score(clf.fit(*few), direction, self._test)

    def _score(self, clf, direction, scored):
        of_target = np.isin(scored[1], DIRECTIONS[direction][1])
        return {"accuracy": clf.score(*(part[of_target] for part in scored))}


def choose(side, cells):
    """Return a row for each candidate, and the candidate with the best mean."""
    rows, means = [], {}
    for candidate in CANDIDATES:
        accuracies = [
            [cells.validation(side, candidate, direction, size) for direction in DIRECTIONS]
            for size in SIZES_TO_CHOOSE
        ]
        means[candidate] = np.mean(accuracies)
        figures = [*np.mean(accuracies, axis=1), means[candidate]]
        rows.append([side, *candidate, *(f"{mean:.4f}" for mean in figures)])
    return rows, max(means, key=means.get)


def compare(choices, direction, size, n_seeds, cells):
    """Return the row of a task and a size, in the columns of the table of test accuracies."""
    seeds = range(n_seeds)
    of_scratch, of_transfer = ((choices[side], direction, size) for side in SIDES)
    scratch = [cells.test("scratch", *of_scratch, seed) for seed in seeds]
    by_point = {
        point: [cells.test("transfer", *of_transfer, seed, point) for seed in seeds]
        for point in POINTS
    }
    found = [cells.freeze_point(*of_transfer, seed) for seed in seeds]
    transfer = [by_point[point][seed] for seed, point in enumerate(found)]
    gain = f"{100 * np.subtract(transfer, scratch).mean():+.1f}"
    accuracies = scratch, *by_point.values(), transfer
    points = ", ".join(map(str, found))
    return [direction, size, *map(with_spread, accuracies), gain, points]


def compare_defaults(direction, size, n_seeds, cells):
    """Return the row of a task and a size, in the columns of the table of default settings."""
    scratch, transfer = (
        [cells.default(side, direction, size, seed) for seed in range(n_seeds)] for side in SIDES
    )
    gain = f"{100 * np.subtract(transfer, scratch).mean():+.1f}"
    return [direction, size, with_spread(scratch), with_spread(transfer), gain]


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
    cells = Cells(results, Source(options.folder, train), train, test)

    tried, choices = [], {}
    for side in SIDES:
        rows, choices[side] = choose(side, cells)
        tried += rows
    sizes = [f"{size} images" for size in SIZES_TO_CHOOSE]
    print_table(
        "validation accuracy, one draw, mean of both directions",
        ["side", "regularization", "updates", *sizes, "mean"],
        tried,
    )
    frozen = ["nothing frozen" if point == 0 else f"{point} frozen" for point in POINTS]
    tasks = list(product(DIRECTIONS, options.sizes))
    of_draws = f"mean of {options.seeds} draws and half their spread, gain in points"
    print_table(
        f"test accuracy, {of_draws}",
        ["task", "images", "scratch", *frozen, "searched", "gain", "freeze points"],
        [compare(choices, *task, options.seeds, cells) for task in tasks],
    )
    print_table(
        f"test accuracy with default settings, {of_draws}",
        ["task", "images", *SIDES, "gain"],
        [compare_defaults(*task, options.seeds, cells) for task in tasks],
    )
    results.print_origins()


if __name__ == "__main__":
    main()
