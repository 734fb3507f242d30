"""What a process shares between estimators is never a weight."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.callback import FitCallback

from skfashion._networks import network as _network
from skfashion._training import trainer_pool as _lending
from tests.class_split import GTE5
from tests.programs import run_program


def test_estimators_of_one_architecture_never_alias(make, fashion):
    X, y = fashion
    one = make(pretrain_classes=GTE5).fit(X, y)
    alone = one.predict_proba(X)
    two = make(pretrain_classes=GTE5, random_state=1).fit(X, y)
    assert_array_equal(one.predict_proba(X), alone)
    both = two.predict_proba(X)
    for _ in range(3):
        assert_array_equal(one.predict_proba(X), alone)
        assert_array_equal(two.predict_proba(X), both)
    one.set_params(random_state=7).fit(X, y)
    assert_array_equal(two.predict_proba(X), both)
    assert not np.array_equal(one.predict_proba(X), alone)


def test_predictions_in_threads_are_bit_equal(make, fashion):
    X, y = fashion
    estimators = [make(pretrain_classes=GTE5, random_state=seed).fit(X, y) for seed in range(3)]
    alone = [clf.predict_proba(X) for clf in estimators]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda i: estimators[i % 3].predict_proba(X), range(30)))
    for i, probabilities in enumerate(together):
        assert_array_equal(probabilities, alone[i % 3])


def test_fits_in_threads_are_bit_equal(make, fashion):
    X, y = fashion

    def fit(seed):
        return make(pretrain_classes=GTE5, random_state=seed, batch_size=50).fit(X, y)

    alone = [fit(seed).predict_proba(X) for seed in range(3)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit, [0, 1, 2, 0, 1, 2]))
    for i, clf in enumerate(together):
        assert_array_equal(clf.predict_proba(X), alone[i % 3])


def test_fitting_while_another_predicts(make, fashion, fitted):
    X, y = fashion
    alone = fitted.predict_proba(X)
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(make(pretrain_classes=GTE5, random_state=5).fit, X, y) for _ in "ab"]
        while not all(fit.done() for fit in fits):
            assert_array_equal(fitted.predict_proba(X), alone)
        assert_array_equal(fits[0].result().predict_proba(X), fits[1].result().predict_proba(X))


def test_a_second_fit_builds_and_traces_nothing(make, fashion, monkeypatch):
    X, y = fashion
    make(pretrain_classes=GTE5).fit(X, y).predict(X)

    def fail(*args, **kwargs):
        raise AssertionError("built anew")

    monkeypatch.setattr(_network, "Network", fail)
    monkeypatch.setattr(_lending, "Trainer", fail)
    traced = _network.build_network.cache_info().misses
    clf = make(pretrain_classes=GTE5, random_state=9, learning_rate=0.01, batch_size=64)
    clf.fit(X[:150], y[:150]).predict(X)
    assert _network.build_network.cache_info().misses == traced


def test_registries_are_bounded(make, lt5, monkeypatch):
    monkeypatch.setattr(_lending, "MAX_IDLE_TRAINERS", 3)
    for hidden_units in range(1, 6):
        make(hidden_units=hidden_units, epochs=1).fit(*lt5)
    assert sum(map(len, _lending._idle.values())) == 3
    for hidden_units in range(6, _network.MAX_NETWORKS + 3):
        make(hidden_units=hidden_units, epochs=0).fit(*lt5)
    assert _network.build_network.cache_info().currsize == _network.MAX_NETWORKS


def test_an_estimator_outlives_its_network_in_the_registry(make, fashion):
    X, y = fashion
    clf = make(hidden_units=13).fit(X, y)
    before = clf.predict_proba(X)
    _network.build_network.cache_clear()
    assert_array_equal(clf.predict_proba(X), before)


# Weights of 3 MB: a fit that left them behind would exceed the bound.
FITS = """
import gc
import psutil
from sklearn.base import clone
from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from tests.class_split import GTE5, first_of_each, halve
X, y = first_of_each(*load_fashion_sample(return_X_y=True), 20)
X = halve(X)
params = {"pretrain_epochs": 1, "epochs": 1, "hidden_units": 1000, "random_state": 0}
clf = TransferClassifier(pretrain_classes=GTE5, **params)
for n_fits in (5, 20):
    before = psutil.Process().memory_info().rss
    for _ in range(n_fits):
        clone(clf).fit(X, y)
    gc.collect()
print((psutil.Process().memory_info().rss - before) / n_fits)
"""


def test_memory_does_not_grow_with_fits():
    """A new process has no remains of other tests, which may grow meanwhile."""
    assert float(run_program(FITS).stdout) < 1e6


def test_idle_trainers_keep_no_weights_of_a_fit(make, lt5):
    make(freeze_until="conv1", augmentation="flip", epochs=1).fit(*lt5)
    assert _lending._idle
    assert all(
        not (t._frozen_weights or t._start_weights)
        for trainers in _lending._idle.values()
        for t in trainers
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_fit_changes_no_later_one(make, fashion, error):
    X, y = fashion
    before = make(pretrain_classes=GTE5).fit(X, y).predict_proba(X)

    class Interrupt(FitCallback):
        def on_fit_task_end(self, estimator, context):
            raise error

    with pytest.raises(error):
        make(pretrain_classes=GTE5).set_callbacks(Interrupt()).fit(X, y)
    assert_array_equal(make(pretrain_classes=GTE5).fit(X, y).predict_proba(X), before)
