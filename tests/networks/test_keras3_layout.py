"""Paths of weights in the files that Keras 3 writes."""

import keras
import numpy as np
import pytest
from keras import layers
from numpy.testing import assert_array_equal

from skfashion import Backbone
from skfashion._networks.architecture import BodyArchitecture
from skfashion._networks.body import Body
from skfashion._networks.weight_files import load_body_weights

SHAPE = (8, 8, 3)


@keras.saving.register_keras_serializable("test_keras3_layout")
class WithState(layers.Layer):
    """A layer without weights that stores an array of numbers in files."""

    def __init__(self, state, **kwargs):
        super().__init__(**kwargs)
        self.state = state

    def call(self, images):
        return images

    def save_own_variables(self, store):
        store["state"] = np.array(self.state, "float32")

    def load_own_variables(self, store):
        self.state = np.array(store["state"]).tolist()

    def get_config(self):
        return {**super().get_config(), "state": self.state}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("state", [0.0, 1.0, [2.0, 3.0, 2.0], [2.0, 2.0, 2.0]])
def test_other_arrays_in_a_file_are_no_weights(tmp_path, state):
    def build(images):
        x = layers.Conv2D(3, 3, name="first")(images)
        x = layers.Conv2D(3, 3, name="second")(x)
        return WithState(state, name="with_state")(x)

    images = keras.Input(SHAPE)
    model = keras.Model(images, build(images))
    model.save_weights(tmp_path / "a.weights.h5")
    backbone = Backbone("user", build, ("second",), 8, channels=3)
    body = Body(BodyArchitecture(backbone, SHAPE, None, "float32"))
    loaded = load_body_weights(tmp_path / "a.weights.h5", body)
    assert len(loaded) == 4
    for variable in model.weights:
        assert_array_equal(loaded[variable.path], variable.numpy())
