"""Batch normalisation in inference mode: averages keep their bits, scales and offsets train."""

import keras
import numpy as np
import pytest
from keras import layers
from numpy.testing import assert_array_equal

from skfashion import Backbone, Recipe
from skfashion._networks.network import get_network


class Block(layers.Layer):
    """A layer of a user with batch normalisation inside."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.BatchNormalization(name="inner")

    def build(self, shape):
        self.norm.build(shape)

    def call(self, x, training=None):
        return self.norm(x, training=training)

    def compute_output_shape(self, shape):
        return shape


class Subclass(layers.BatchNormalization):
    """A layer of a user that is a kind of batch normalisation."""


def build(images):
    x = layers.Rescaling(1 / 255, name="rescale")(images)
    x = layers.Conv2D(4, 3, strides=2, name="conv")(x)
    x = Block(name="block")(layers.BatchNormalization(name="norm")(x))
    return layers.ReLU()(Subclass(name="last")(x))


MINE = Backbone("mine", build=build, stages=("conv", "last"), min_size=8)


def changes(make, data, weights_of, mode, **params):
    """Return which weights a fit changes."""
    recipe = Recipe(batch_norm=mode)
    params = {"recipe": recipe, "epochs": 1, **params}
    before = weights_of(make(**{**params, "epochs": 0}).fit(*data))
    after = weights_of(make(**params).fit(*data))
    return {path: bool((before[path] != after[path]).any()) for path in before}


def test_averages_stay_and_scales_train(make, lt5, weights_of):
    for mode in ("inference", "train", "inference", None):
        for path, changed in changes(make, lt5, weights_of, mode, backbone=MINE).items():
            assert changed == (mode != "inference" or "moving" not in path), path


@pytest.mark.slow
def test_inference_mode_keeps_the_averages_of_a_built_in_backbone(make, lt5, weights_of):
    X, y = lt5
    params = {"backbone": "mobilenet_v2", "freeze_until": -1, "batch_size": 30}
    found = changes(make, (X[:30], y[:30]), weights_of, "inference", **params)
    assert not any(changed for path, changed in found.items() if "moving" in path)
    assert any(changed for path, changed in found.items() if path.endswith("bn/beta"))


def test_it_trains_what_it_predicts_with(make, lt5):
    """Without dropout and with a tiny rate, the loss while training is that of prediction."""
    params = {"backbone": MINE, "dropout": 0.0, "feature_dropout": 0.0, "batch_size": 10}
    params |= {"learning_rate": 1e-9, "epochs": 1}
    train, inference = (
        make(**params, recipe=Recipe(batch_norm=mode)).fit(*lt5, X_val=lt5[0], y_val=lt5[1])
        for mode in ("train", "inference")
    )
    loss, val_loss = (inference.history_[key][0] for key in ("loss", "val_loss"))
    assert loss == pytest.approx(val_loss, rel=1e-5)
    loss, val_loss = (train.history_[key][0] for key in ("loss", "val_loss"))
    assert abs(loss - val_loss) > 1e-3


def test_the_shared_layers_are_left_as_they_were(make, lt5):
    clf = make(backbone=MINE, recipe=Recipe(batch_norm="inference"), epochs=1).fit(*lt5)
    model = get_network(clf._fitted.architecture).model
    norms = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(norms) == 3
    for layer in norms:
        assert layer.trainable
        assert "call" not in vars(layer)


def test_same_seeds_same_bits(make, lt5):
    recipe = Recipe(batch_norm="inference")
    one, other = (make(backbone=MINE, recipe=recipe).fit(*lt5) for _ in range(2))
    assert_array_equal(one.predict_proba(lt5[0]), other.predict_proba(lt5[0]))
    assert np.ptp(one.predict_proba(lt5[0])) > 0
