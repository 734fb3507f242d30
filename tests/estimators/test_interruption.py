"""Ctrl-C in `fit`: what is kept, what stays as it was, and what is raised.

Each signal is sent at a place of its own, so that the tests do not depend on time.
`tests/workflows/test_interruption.py` sends signals at random moments.
"""

import copy
import signal
import threading
import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.callback import FitCallback
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skfashion import BackboneFeatures, Recipe, TransferClassifier, memory_report
from tests.class_split import GTE5
from tests.residual import RESIDUAL

pytestmark = pytest.mark.usefixtures("python_handles_signals")
KEPT = "interrupted by the user: of {} epochs, {} were complete"


@pytest.fixture
def make(make):
    """Build an estimator whose epochs are a batch each, so that windows can be counted."""
    return partial(make, batch_size=128)


def state_of(estimator):
    """Return all attributes except parameters."""
    params = estimator.get_params(deep=False)
    return {name: value for name, value in vars(estimator).items() if name not in params}


# -- What is kept -------------------------------------------------------------------------------


SLOW = {"augmentation": "flip", "freeze_until": "conv1"}


@pytest.mark.parametrize("params", [{}, pytest.param(SLOW, marks=pytest.mark.slow)])
def test_a_first_fit_keeps_its_last_whole_epoch(make, small, interrupt_after, params, assert_same):
    expected = make(epochs=2, **params).fit(*small)
    clf = make(epochs=5, **params)
    interrupt_after(3)
    with pytest.warns(ConvergenceWarning, match=KEPT.format(5, 2)) as record:
        assert clf.fit(*small) is clf
    assert record[0].filename == __file__
    assert_same(clf, expected, small[0])
    assert clf.model_.count_params() == clf.n_trainable_params_ + clf.n_frozen_params_


@pytest.mark.slow
def test_after_pretraining_the_epochs_of_the_target_task_count(
    make, small, interrupt_after, assert_same
):
    params = {"pretrain_classes": GTE5, "pretrain_epochs": 2}
    expected = make(epochs=1, **params).fit(*small)
    clf = make(epochs=4, **params)
    interrupt_after(4)
    with pytest.warns(ConvergenceWarning, match=KEPT.format(4, 1)):
        clf.fit(*small)
    assert_same(clf, expected, small[0])
    assert len(clf.pretrain_history_["loss"]) == 2


def test_a_further_fit_keeps_its_last_whole_epoch(make, small, interrupt_after, assert_same):
    expected = make(epochs=2, warm_start=True).fit(*small)
    clf = make(epochs=2, warm_start=True).fit(*small)
    expected.set_params(epochs=1).fit(*small)
    interrupt_after(2)
    with pytest.warns(ConvergenceWarning, match=KEPT.format(5, 1)):
        clf.set_params(epochs=5).fit(*small)
    assert_same(clf, expected, small[0])
    assert clf.n_iter_ == 3


def test_a_pipeline_is_fitted_with_it(make, small, interrupt_after):
    X, y = small
    expected = make(epochs=1).fit(X, y)
    pipeline = make_pipeline(FunctionTransformer(), make(epochs=3))
    interrupt_after(2)
    with pytest.warns(ConvergenceWarning, match=KEPT.format(3, 1)):
        pipeline.fit(X, y)
    assert_array_equal(pipeline.predict(X), expected.predict(X))


def test_early_stopping_keeps_the_best_of_the_whole_epochs(
    make, small, interrupt_after, assert_same
):
    X, y = small
    clf = make(epochs=8, early_stopping=True)
    interrupt_after(2 * 3 + 1)  # a window to train, and one to evaluate
    with pytest.warns(ConvergenceWarning, match="with the best weights of 3 epochs"):
        clf.fit(X, y, X_val=X, y_val=(y + 1) % 10)
    losses = clf.history_["val_loss"]
    assert np.argmin(losses) < 2
    assert_same(clf, make(epochs=3, early_stopping=True).fit(X, y, X_val=X, y_val=(y + 1) % 10), X)


class InterruptIn(FitCallback):
    """Sends a signal at the begin of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == self.epoch - 1:
            signal.raise_signal(signal.SIGINT)


def test_a_diverged_fit_with_early_stopping_is_not_kept(make, small):
    X, y = small
    clf = make(epochs=4, learning_rate=1e4, early_stopping=True)
    with pytest.raises(ValueError, match="Training diverged"):
        clf.set_callbacks(InterruptIn(3)).fit(X, y, X_val=X, y_val=y)
    assert not hasattr(clf, "classes_")


def test_a_function_with_an_estimator_as_argument_is_no_meta_estimator(make, small, assert_same):
    def fit_beside(baseline, clf):
        return clf.fit(*small)

    with pytest.warns(ConvergenceWarning, match=KEPT.format(3, 1)):
        kept = fit_beside(make(), make(epochs=3).set_callbacks(InterruptIn(2)))
    assert_same(kept, make(epochs=1).fit(*small), small[0])


@pytest.mark.slow
@pytest.mark.parametrize(("learning_rate", "keeps_probe"), [(0.003, False), (10.0, True)])
def test_a_probe_competes_with_the_last_whole_epoch(
    make, lt5, residual_path, learning_rate, keeps_probe
):
    clf = make(
        backbone=RESIDUAL,
        weights=residual_path,
        body_until=None,
        freeze_until=None,
        epochs="auto",
        batch_size="auto",
        feature_dropout=0.0,
        learning_rate=learning_rate,
        recipe=Recipe(batch_norm="inference"),
    )
    with pytest.warns(ConvergenceWarning, match=r"44 were complete"):
        clf.set_callbacks(InterruptIn(45)).fit(*lt5)
    assert clf.kept_probe_ is keeps_probe
    assert clf.n_iter_ == 44
    assert clf.score(*lt5) > 0.5


# -- What is raised -----------------------------------------------------------------------------


def assert_interrupted(call, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyboardInterrupt):
            call(*args, **kwargs)


TRANSFER = {"pretrain_classes": GTE5, "pretrain_epochs": 2}


@pytest.mark.parametrize(
    ("params", "n_windows"),
    [({}, 1)] + [pytest.param(TRANSFER, n, marks=pytest.mark.slow) for n in (1, 2, 3)],
)
def test_before_the_first_whole_epoch_nothing_is_fitted(
    make, small, interrupt_after, params, n_windows, assert_same
):
    clf = make(**params)
    interrupt_after(n_windows)
    assert_interrupted(clf.fit, *small)
    assert state_of(clf) == {}
    assert_same(clf.fit(*small), make(**params).fit(*small), small[0])


@pytest.mark.parametrize("call", ["fit", "partial_fit", "warm start"])
def test_an_earlier_fit_stays(make, small, interrupt_after, call, assert_same):
    clf = make(warm_start=call == "warm start").partial_fit(*small, classes=range(10))
    before, expected = state_of(clf), copy.deepcopy(clf)
    interrupt_after(2 if call == "fit" else 1)
    assert_interrupted(getattr(clf, "partial_fit" if call == "partial_fit" else "fit"), *small)
    after = state_of(clf)
    assert after.keys() == before.keys()
    assert all(after[name] is value for name, value in before.items())
    assert_same(clf, expected, small[0])
    # The state of training is the earlier one as well.
    assert_same(clf.partial_fit(*small), expected.partial_fit(*small), small[0])


def set_state_interrupted(kind, moment):
    """Return an estimator which is interrupted before or after it sets its fitted state."""

    class Interrupted(kind):
        def _set_fitted_state(self, *state):
            if moment == "before":
                signal.raise_signal(signal.SIGINT)
            super()._set_fitted_state(*state)
            if moment == "after":
                signal.raise_signal(signal.SIGINT)

    return Interrupted


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", [TransferClassifier, BackboneFeatures])
def test_what_is_known_about_the_input_is_that_of_the_model(make, small, kind, moment):
    params = {"epochs": 1} if kind is TransferClassifier else {}
    estimator = kind(random_state=0, **params).fit(*small)
    estimator.__class__ = set_state_interrupted(kind, moment)
    larger = np.repeat(small[0], 2, axis=1)
    assert_interrupted(estimator.fit, larger, small[1])
    X = small[0] if moment == "before" else larger
    assert estimator.n_features_in_ == X[0].size
    predict = getattr(estimator, "predict_proba", None) or estimator.transform
    assert len(predict(X)) == len(X)


class Wrapper(BaseEstimator):
    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.estimator.fit(X, y)
        return self


CALLERS = {
    "search": lambda clf, X, y: GridSearchCV(clf, {"epochs": [3]}, cv=2).fit(X, y),
    "cross-validation": lambda clf, X, y: cross_val_score(clf, X, y, cv=2),
    "another estimator": lambda clf, X, y: Wrapper(clf).fit(X, y),
}


@pytest.mark.parametrize("caller", CALLERS)
def test_searches_and_other_estimators_end(make, small, interrupt_after, caller):
    interrupt_after(2)
    assert_interrupted(CALLERS[caller], make(epochs=3), *small)


def test_the_refit_of_a_search_ends_too(make, small, interrupt_after):
    search = GridSearchCV(make(epochs=3), {"epochs": [3]}, cv=2)
    interrupt_after(8)
    assert_interrupted(search.fit, *small)
    assert state_of(search.best_estimator_) == {}


def test_the_warning_as_an_error_leaves_the_estimator_unfitted(make, small, interrupt_after):
    clf = make(epochs=3)
    interrupt_after(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            clf.fit(*small)
    assert state_of(clf) == {}


# -- Stores -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"schedule": "cosine"},
        pytest.param({"early_stopping": True, "schedule": "cosine"}, marks=pytest.mark.slow),
    ],
)
def test_with_a_checkpoint_the_same_fit_goes_on(
    make, small, interrupt_after, tmp_path, params, assert_same
):
    expected = make(epochs=5, **params).fit(*small)
    windows_of_epoch = 2 if "early_stopping" in params else 1
    for n_trained, n_whole in ((2, 2), (1, 3)):
        clf = make(epochs=5, checkpoint=tmp_path, **params)
        interrupt_after(n_trained * windows_of_epoch + 1)
        with pytest.warns(ConvergenceWarning, match=KEPT.format(5, n_whole)):
            clf.fit(*small)
    assert_same(clf.fit(*small), expected, small[0])


def test_an_interruption_right_after_a_restart_keeps_the_restored_epochs(
    make, small, interrupt_after, tmp_path, assert_same
):
    fits = [make(epochs=5, checkpoint=tmp_path) for _ in range(2)]
    for clf, n_windows in zip(fits, (3, 1), strict=True):
        interrupt_after(n_windows)
        with pytest.warns(ConvergenceWarning, match=KEPT.format(5, 2)):
            clf.fit(*small)
    assert_same(fits[1], fits[0], small[0])


def test_memory_keeps_nothing_of_an_interrupted_phase(
    make, small, interrupt_after, tmp_path, assert_same
):
    clf = make(epochs=4, memory=tmp_path)
    threads = {*threading.enumerate()}
    interrupt_after(3)
    with pytest.warns(ConvergenceWarning, match=KEPT.format(4, 2)):
        clf.fit(*small)
    assert not [*tmp_path.rglob("entries/*")]
    assert_same(make(epochs=4, memory=tmp_path).fit(*small), make(epochs=4).fit(*small), small[0])
    assert memory_report(tmp_path)["epochs_found"] == 0
    assert {*threading.enumerate()} <= threads
