"""Scopes of Keras that the caller is in change nothing."""

from collections import OrderedDict
from itertools import chain

import keras
import pytest
from numpy.testing import assert_array_equal

from skfashion import BackboneFeatures, TransferClassifier
from skfashion._networks import network, pooled_features
from skfashion._training import trainer_pool

PARAMS = {"epochs": 1, "hidden_units": 9, "random_state": 0}


@pytest.fixture(autouse=True)
def forget_networks(monkeypatch):
    """Return a function after which a fit builds all anew. It is called before each test."""

    def forget():
        network.build_network.cache_clear()
        pooled_features.build_pooled_features.cache_clear()
        pooled_features.get_body.cache_clear()
        # Trainers of other tests are found again later.
        monkeypatch.setattr(trainer_pool, "_idle", OrderedDict())

    forget()
    return forget


def idle_trainers():
    return [*chain.from_iterable(trainer_pool._idle.values())]


@pytest.mark.parametrize(
    "scope",
    [lambda: keras.name_scope("mine"), lambda: keras.RematScope(mode="full")],
    ids=["name_scope", "RematScope"],
)
def test_a_fit_in_a_scope_has_the_same_bits(lt5, scope, forget_networks):
    X, y = lt5
    expected = TransferClassifier(**PARAMS).fit(X, y)
    vectors = BackboneFeatures(random_state=0).fit_transform(X)
    outside = idle_trainers()
    forget_networks()
    with scope():
        clf = TransferClassifier(**PARAMS).fit(X, y)
        assert_array_equal(BackboneFeatures(random_state=0).fit_transform(X), vectors)
    inside = idle_trainers()
    assert len(inside) == len(outside) == 1
    assert inside[0] is not outside[0]
    assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    paths = [w.path for w in clf.model_.weights]
    assert paths == [w.path for w in expected.model_.weights]


def test_the_scope_of_the_caller_goes_on(lt5):
    with keras.name_scope("mine"):
        TransferClassifier(**PARAMS).fit(*lt5)
        layer = keras.layers.Dense(1, name="dense")
        layer.build((None, 2))
        assert layer.kernel.path.startswith("mine/")
