"""A fit with `checkpoint` that was interrupted, and run again, has the bits of one that was not."""

import logging
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.callback import FitCallback
from sklearn.model_selection import GridSearchCV

from skfashion import Recipe
from tests.class_split import GTE5
from tests.residual import RESIDUAL

ROOT = Path(__file__).parents[2]


class Killed(Exception):
    pass


class KillAfter(FitCallback):
    """Counts the epochs of a fit, and raises an error after one of them."""

    def __init__(self, n_epochs=None):
        self.n_epochs, self.count = n_epochs, 0

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.count += 1
            if self.count == self.n_epochs:
                raise Killed


@pytest.fixture(scope="module")
def small(fashion):
    """Images of 14 x 14 pixels: 10 of each of the ten classes."""
    X, y = fashion
    rows = np.concatenate([np.flatnonzero(y == label)[:10] for label in range(10)])
    return X[rows, ::2, ::2], y[rows]


def interrupt(clf, data, n_epochs):
    with pytest.raises(Killed):
        clf.set_callbacks(KillAfter(n_epochs)).fit(*data)


def fit_and_count(clf, data):
    """Fit; return the classifier and the number of epochs that ran."""
    counter = KillAfter()
    return clf.set_callbacks(counter).fit(*data), counter.count


def assert_same(clf, expected, X):
    assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    for name in ("history_", "pretrain_history_"):
        found, history = getattr(clf, name), getattr(expected, name)
        assert found.keys() == history.keys()
        for key in history.keys() - {"seconds"}:
            assert found[key] == history[key]
        assert len(found.get("seconds", [])) == len(history.get("seconds", []))
    assert (clf.n_iter_, clf.kept_probe_) == (expected.n_iter_, expected.kept_probe_)


EVERYTHING = {
    "recipe": Recipe(momentum=0.9, average=0.5, mixup=0.2, label_smoothing=0.1, weight_decay=1e-3),
    "optimizer": "sgd",
    "learning_rate": 0.05,
    "schedule": "cosine",
    "warmup": 0.2,
    "augmentation": ["flip", "rotate", "crop"],
    "early_stopping": True,
    "n_iter_no_change": 4,
}
VARIANTS = {
    "constant": {},
    "cosine": {"schedule": "cosine", "warmup": 0.2},
    "averages": {"recipe": Recipe(average=0.5)},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2, "learning_rate": 0.01},
    "unfreezing": {"freeze_until": None, "head_epochs": 2, "epochs_per_stage": 2, "epochs": 6},
    "everything": EVERYTHING,
    "everything, unfreezing": {
        **EVERYTHING,
        "freeze_until": None,
        "n_iter_no_change": 1,
        "head_epochs": 2,
        "epochs_per_stage": 2,
        "epochs": 6,
    },
    "batch statistics": {"backbone": RESIDUAL, "freeze_until": "norm"},
    "bfloat16": {"dtype": "mixed_bfloat16", "class_weight": "balanced"},
}


@pytest.fixture(scope="module")
def straight(make, small):
    """Fits without an interruption or a checkpoint, by variant."""
    fits = {}

    def straight(name):
        if name not in fits:
            clf = make(**transfer(**VARIANTS[name]))
            fits[name] = fit_and_count(clf, small)
        return fits[name]

    return straight


def transfer(**params):
    return {"pretrain_classes": GTE5, "pretrain_epochs": 2, "epochs": 4, **params}


@pytest.mark.parametrize("n_before", [1, 3, 4, 5])
@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.filterwarnings("ignore:epochs=.* end before all")
def test_it_has_the_bits_of_one_that_was_not_interrupted(
    make, small, straight, tmp_path, name, n_before
):
    expected, n_epochs = straight(name)
    if n_before >= n_epochs:
        pytest.skip("it stops earlier")
    clf = make(**transfer(**VARIANTS[name]), checkpoint=tmp_path)
    interrupt(clf, small, n_before)
    clf, n_trained = fit_and_count(clf, small)
    assert_same(clf, expected, small[0])
    assert n_trained <= n_epochs - n_before + 1
