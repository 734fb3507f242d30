"""Averaged weights: recomputed from the weights of each update, and resumed with the same bits."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss

from skfashion import Backbone, Recipe, memory_report
from skfashion._training.regularization import Mixing, Regularization
from skfashion._training.trainer import Trainer
from tests.class_split import GTE5


def normalised(images):
    from keras import layers

    x = layers.Rescaling(1 / 255, name="rescale")(images)
    x = layers.Conv2D(4, 3, strides=2, name="conv")(x)
    x = layers.BatchNormalization(momentum=0.5, name="norm")(x)
    return layers.ReLU()(x)


NORMALISED = Backbone("normalised", build=normalised, stages=("norm",), min_size=8)
AVERAGED = {"recipe": Recipe(average=0.5)}


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_they_are_moving_averages_of_the_weights_after_each_update(make, lt5, weights_of, share):
    """One batch an epoch, so that the weights of shorter fits are those of each update."""
    n_updates = 6
    params = {"backbone": NORMALISED, "batch_size": 1000, "optimizer": "sgd", "learning_rate": 0.1}
    average, *raw = (
        weights_of(make(**params, epochs=epochs).fit(*lt5)) for epochs in range(n_updates + 1)
    )
    for update, weights in enumerate(raw, 1):
        decay = min(1 - 1 / max(1, share * n_updates), update / (update + 9))
        average = {path: decay * old + (1 - decay) * weights[path] for path, old in average.items()}
    averaged = make(**params, epochs=n_updates, recipe=Recipe(average=share)).fit(*lt5)
    found = weights_of(averaged)
    assert {"norm/moving_mean", "norm/moving_variance", "norm/gamma"} <= set(found)
    for path, weight in found.items():
        assert_allclose(weight, average[path], rtol=1e-5, atol=1e-6)
        if share > 0.2 and path.startswith(("norm/moving", "output/kernel")):
            assert np.abs(weight - raw[-1][path]).max() > 1e-4


def test_the_memory_of_an_average_is_a_share_of_the_updates():
    def decay(average, n_updates):
        options = {"weight_decay": None, "label_smoothing": 0.0, "average": average}
        rates = {"dropout": 0.0, "feature_dropout": 0.0}
        regularization = Regularization(**rates, **options, mixing=Mixing(), batch_norm="train")
        return regularization.average_decay(n_updates)

    assert decay(0.5, 100) == pytest.approx(1 - 1 / 50)
    assert decay(1.0, 100) == pytest.approx(0.99)
    assert decay(0.5, 1) == decay(0.1, 10) == 0


def test_training_goes_on_from_the_weights_before_averaging(make, lt5):
    """The loss while training is that of a fit without averages."""
    plain, averaged = make(epochs=4).fit(*lt5), make(epochs=4, **AVERAGED).fit(*lt5)
    assert averaged.history_["loss"] == plain.history_["loss"]
    assert np.abs(averaged.predict_proba(lt5[0]) - plain.predict_proba(lt5[0])).max() > 1e-3


def test_evaluation_and_early_stopping_see_them(make, lt5, fashion_test):
    X_val, y_val = fashion_test
    X_val, y_val = X_val[y_val < 5], y_val[y_val < 5]
    params = {"backbone": NORMALISED, "epochs": 4, "batch_size": 20, **AVERAGED}
    for early_stopping in (False, True):
        clf = make(**params, early_stopping=early_stopping).fit(*lt5, X_val=X_val, y_val=y_val)
        losses = clf.history_["val_loss"]
        expected = min(losses) if early_stopping else losses[-1]
        assert log_loss(y_val, clf.predict_proba(X_val)) == pytest.approx(expected, rel=1e-4)


def test_partial_fit_averages_over_epochs_calls(make, fashion, assert_same):
    X, y = fashion
    params = {"pretrain_classes": GTE5, "epochs": 3, "freeze_until": None, **AVERAGED}
    whole, by_calls = make(**params).fit(X, y), make(**params)
    for _ in range(3):
        by_calls.partial_fit(X, y, classes=range(5))
        by_calls = pickle.loads(pickle.dumps(by_calls))
    assert_same(by_calls, whole)
    assert by_calls.history_["loss"] == whole.history_["loss"]
    copy = pickle.loads(pickle.dumps(by_calls))
    assert_same(copy.partial_fit(X, y), by_calls.partial_fit(X, y))
    assert by_calls.n_iter_ == 4
    assert by_calls.history_["loss"][:3] == whole.history_["loss"]


def test_partial_fit_begins_averages_anew_when_they_are_turned_on(make, lt5, weights_of):
    X, y = lt5
    clf = make(epochs=5).partial_fit(X, y, classes=range(5))
    clf.set_params(recipe=Recipe(average=1.0)).partial_fit(X, y)
    averaged = weights_of(clf)
    plain = weights_of(clf.set_params(recipe=None).partial_fit(X, y))
    assert all(np.isfinite(weight).all() for weight in averaged.values())
    assert np.abs(averaged["dense/kernel"] - plain["dense/kernel"]).max() > 1e-5


@pytest.mark.filterwarnings("ignore:epochs=.* is too few to unfreeze")
def test_a_further_stage_starts_from_the_averages(make, lt5, weights_of, monkeypatch):
    """One batch an epoch, so that weights after each update of the head are those of short fits."""
    params = {"freeze_until": "conv1", "head_epochs": 2, "batch_size": 1000}
    params |= {"optimizer": "sgd", "learning_rate": 0.1}
    average, *raw = (
        weights_of(make(**params, epochs=n).fit(*lt5))["output/kernel"] for n in range(3)
    )
    for update, weights in enumerate(raw, 1):  # the memory of half of four updates is two of them
        decay = min(1 - 1 / 2, update / (update + 9))
        average = decay * average + (1 - decay) * weights
    starts, start = [], Trainer.start

    def recorded(trainer, weights, *args, **kwargs):
        starts.append(weights)
        return start(trainer, weights, *args, **kwargs)

    monkeypatch.setattr(Trainer, "start", recorded)
    make(**params, epochs=4, **AVERAGED).fit(*lt5)
    assert_allclose(starts[-1]["output/kernel"], average, rtol=1e-5, atol=1e-6)
    assert np.abs(starts[-1]["output/kernel"] - raw[-1]).max() > 1e-4


def test_memory_keeps_whole_phases_and_no_shorter_ones(make, fashion, tmp_path, assert_same):
    params = {"pretrain_classes": GTE5, "freeze_until": None, **AVERAGED}
    first = make(**params, pretrain_epochs=2, memory=tmp_path).fit(*fashion)
    again = make(**params, pretrain_epochs=2, memory=tmp_path).fit(*fashion)
    assert memory_report(tmp_path)["pretrainings_found"] == 1
    assert_same(again, first)
    longer = make(**params, pretrain_epochs=3, memory=tmp_path).fit(*fashion)
    assert memory_report(tmp_path)["pretrainings_found"] == 1
    assert_same(longer, make(**params, pretrain_epochs=3).fit(*fashion))


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
def test_they_have_the_types_of_the_weights(make, lt5, weights_of, dtype):
    types = [
        {path: weight.dtype for path, weight in weights_of(clf.fit(*lt5)).items()}
        for clf in (make(dtype=dtype), make(dtype=dtype, **AVERAGED))
    ]
    assert types[0] == types[1]
