"""Same seed, same bits; global random state is left alone."""

import random

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._networks import network as _network
from skfashion._training import trainer as _trainer
from skfashion._training import trainer_pool as _lending
from tests.class_split import GTE5

ALL_RANDOM = {
    "pretrain_classes": GTE5,
    "augmentation": ["flip", "rotate", "erase"],
    "early_stopping": True,
    "batch_size": 32,
}


@pytest.mark.parametrize("params", [{"pretrain_classes": GTE5}, ALL_RANDOM], ids=["plain", "all"])
def test_same_bits_after_other_fits_in_between(make, fashion, lt5, params):
    X, y = fashion
    first = make(**params).fit(X, y)
    make(random_state=5, epochs=1).fit(*lt5)
    make(**{**params, "random_state": 3}).fit(X, y)
    np.random.random(7)
    second = make(**params).fit(X, y)
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    other = make(**{**params, "random_state": 1}).fit(X, y)
    assert not np.array_equal(first.predict_proba(X), other.predict_proba(X))


def test_same_bits_from_networks_built_anew(make, fashion):
    import keras

    X, y = fashion
    first = make(**ALL_RANDOM).fit(X, y)
    keras.Sequential([keras.layers.Dropout(0.5), keras.layers.RandomFlip()])
    _network.build_network.cache_clear()
    _lending._idle.clear()
    second = make(**ALL_RANDOM).fit(X, y)
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_names_that_keras_numbers_go_on_from_where_they_were(make, lt5):
    import keras

    before = keras.layers.Dropout(0.5).name
    make(hidden_units=17, epochs=1, augmentation="flip").fit(*lt5)
    after = keras.layers.Dropout(0.5).name
    assert int(after.rsplit("_", 1)[-1]) == int((before + "_0").split("_")[1]) + 1


@pytest.mark.parametrize("random_state", [0, None])
def test_global_random_state_is_untouched(make, fashion, random_state):
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(3)
    states = random.getstate(), np.random.get_state(), tf.random.get_global_generator().state
    expected_tf = tf.random.uniform([3]).numpy()
    expected_keras = np.array(keras.random.uniform([3]))

    keras.utils.set_random_seed(3)
    # Other sizes than anywhere else, so that networks and trainers are built here.
    clf = make(**{**ALL_RANDOM, "hidden_units": 11, "random_state": random_state}).fit(*fashion)
    clf.predict(fashion[0])
    _ = clf.model_
    assert random.getstate() == states[0]
    assert_array_equal(np.random.get_state()[1], states[1][1])
    assert_array_equal(tf.random.get_global_generator().state, states[2])
    assert_array_equal(tf.random.uniform([3]), expected_tf)
    assert_array_equal(np.array(keras.random.uniform([3])), expected_keras)


def test_no_seed_means_other_bits(make, lt5):
    first, second = (make(random_state=None, epochs=1).fit(*lt5) for _ in range(2))
    assert not np.array_equal(first.predict_proba(lt5[0]), second.predict_proba(lt5[0]))


def test_random_state_instance_moves_on(make, lt5):
    one, same = (np.random.RandomState(4) for _ in range(2))
    first = make(random_state=one, epochs=1).fit(*lt5).predict_proba(lt5[0])
    again = make(random_state=same, epochs=1).fit(*lt5).predict_proba(lt5[0])
    further = make(random_state=one, epochs=1).fit(*lt5).predict_proba(lt5[0])
    assert_array_equal(first, again)
    assert not np.array_equal(first, further)


def test_every_epoch_has_an_order_and_masks_of_its_own(make, lt5, monkeypatch):
    orders, seeds = [], []
    run_epoch, seed = _trainer.Trainer.run_epoch, _trainer.Trainer.seed

    def note_order(self, data, plan):
        orders.append(tuple(plan.order))
        return run_epoch(self, data, plan)

    def note_seeds(self, *stream):
        seed(self, *stream)
        states = [v for path, v in self._fitted_variables() if path not in self._weight_paths]
        states += [v for layer in self._augmentation for v in layer.variables]
        seeds.append(tuple(int(v.numpy()[0]) for v in states))

    monkeypatch.setattr(_trainer.Trainer, "run_epoch", note_order)
    monkeypatch.setattr(_trainer.Trainer, "seed", note_seeds)
    make(epochs=3, augmentation="shift").fit(*lt5)
    assert len(set(orders)) == 3
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len(seeds[0]) == 3
    assert len({number for epoch in seeds for number in epoch}) == 9
