"""Grids over freeze points and learning rates: with `memory`, against estimators without it.

Run ``python benchmarks/grid_speed.py``; it takes about 100 minutes on two cores, and
``--grids cuts`` runs only one of the grids. It needs scikeras. In each round every side runs the
same grid on the same 6,000 source and 6,000 target images, in turn, and starts with nothing stored.

- cuts: 5 freeze points x 2 learning rates x 3 folds of the target rows;
- deep: the same, from conv2 on;
- distinct: deep without `features`, which cuts at the same tensor as conv2;
- heads: 3 freeze points x 4 learning rates x 2 heads x 3 folds of all rows, so that each fold
  pretrains on other rows.

A second line gives the seconds of an identical search in a new process, which finds the results
of the first search. Only that line includes the import of TensorFlow.

The results of each round are kept in a file, so that an interrupted run continues with the next
round.
"""

import argparse
import importlib
import json
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from _grid_peers import HandWritten, scikeras_classifier
from _processes import last_line_of
from _report import GTE5, print_table
from _results import RESULTS, Results, describe_machine, plan_of
from _searches import timed_search
from sklearn.model_selection import StratifiedKFold, train_test_split

from skfashion import TransferClassifier, memory_report
from skfashion.datasets import fetch_fashion_mnist
from skfashion.model_selection import ClassSplitCV

EPOCHS = 2
RATES = [0.0005, 0.001]
GRIDS = {
    "cuts": {
        "freeze_until": [None, "conv1", "conv2", "features", "dense"],
        "learning_rate": RATES,
    },
    "deep": {"freeze_until": ["conv2", "features", "dense"], "learning_rate": RATES},
    "distinct": {"freeze_until": ["conv2", "dense"], "learning_rate": RATES},
    "heads": {
        "freeze_until": ["conv2", "features", "dense"],
        "learning_rate": [0.0003, 0.0005, 0.001, 0.002],
        "output_layer": ["new", "keep"],
    },
}


def rows():
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    return train_test_split(X, y, train_size=12_000, stratify=y, random_state=0)[::2]


def search(*arguments):
    """Return the seconds of a search, and its mean scores."""
    seconds, results = timed_search(*arguments)
    return seconds, results["mean_test_score"]


def make_classifier(memory):
    return TransferClassifier(
        pretrain_classes=GTE5,
        pretrain_epochs=EPOCHS,
        epochs=EPOCHS,
        batch_size=128,
        random_state=0,
        memory=memory,
    )


def skfashion_side(name, memory):
    X, y = rows()
    cv = StratifiedKFold(3) if name == "heads" else ClassSplitCV(3, pretrain_classes=GTE5)
    return search(make_classifier(memory), GRIDS[name], cv, X, y)


def hand_written_side(name):
    X, y = rows()
    cv = StratifiedKFold(3) if name == "heads" else ClassSplitCV(3, pretrain_classes=GTE5)
    return search(HandWritten(GTE5, EPOCHS), GRIDS[name], cv, X, y)


def scikeras_side(name):
    X, y = rows()
    source = np.isin(y, GTE5)
    estimator = scikeras_classifier(X[source], y[source], EPOCHS)
    return search(
        estimator,
        GRIDS[name],
        StratifiedKFold(3),
        X[~source][..., None].astype("float32"),
        y[~source],
    )


def in_new_process(name, folder):
    """Run the side of skfashion in a new process; return its seconds and scores."""
    command = sys.executable, __file__, "--grids", name, "--warm", folder
    return json.loads(last_line_of(*command))


def run_round(name):
    """Return for each side, in turn, its seconds and the mean and best score of its candidates."""
    with TemporaryDirectory() as folder:
        runs = {"skfashion": skfashion_side(name, folder)}
        again = in_new_process(name, folder)
        print(memory_report(folder), flush=True)
    if again[1] != runs["skfashion"][1].tolist():
        raise AssertionError("the second search has other scores")
    runs["skfashion, again in a new process"] = again
    runs["hand-written"] = hand_written_side(name)
    if name != "heads":
        runs["scikeras"] = scikeras_side(name)
    return {
        side: [time, float(np.mean(score)), float(np.max(score))]
        for side, (time, score) in runs.items()
    }


def measure(name, n_rounds, results):
    # Seconds of another machine are no rounds of this one.
    cell = name, plan_of(GRIDS[name], EPOCHS), describe_machine()
    rounds = [results.get((*cell, number), partial(run_round, name)) for number in range(n_rounds)]
    cells = []
    for side in rounds[0]:
        seconds, mean, best = np.transpose([sides[side] for sides in rounds])
        ratios = seconds / [sides["skfashion"][0] for sides in rounds]
        cells.append(
            (
                name,
                side,
                f"{np.median(seconds):.1f}",
                f"{np.median(ratios):.2f}x",
                f"{np.mean(mean):.3f}",
                f"{np.mean(best):.3f}",
            )
        )
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grids", nargs="+", choices=GRIDS, default=list(GRIDS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS / "grid_speed.jsonl")
    parser.add_argument("--warm", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.warm:
        seconds, scores = skfashion_side(*options.grids, options.warm)
        print(json.dumps([seconds, scores.tolist()]))
        return
    # TensorFlow's import must not count for the side that runs first.
    importlib.import_module("skfashion._keras.tensorflow")
    results = Results(options.results)
    cells = [row for name in options.grids for row in measure(name, options.rounds, results)]
    columns = ["grid", "side", "median s", "of skfashion's", "mean score", "best score"]
    print_table("12,000 images, 2 + 2 epochs", columns, cells)
    results.print_origins()


if __name__ == "__main__":
    main()
