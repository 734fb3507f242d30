"""Variables that leave no kernels behind are like others in graphs."""

import numpy as np
import pytest
import tensorflow as tf

from skfashion._keras.tensorflow import keras
from skfashion._keras.variables import create_without_kernels


@pytest.fixture
def variable():
    with tf.variable_creator_scope(create_without_kernels):
        return keras.Variable(np.ones((2, 3), "float32"), name="kernel")


def test_its_shape_is_known(variable):
    assert variable.shape == variable.value.shape == (2, 3)
    assert variable.name == "kernel"


def test_a_graph_knows_its_shape(variable):
    shapes = []

    @tf.function(autograph=False)
    def read():
        shapes.append(variable.value.read_value().shape)
        return variable.value + 1

    assert read().shape == (2, 3)
    assert shapes == [(2, 3)]


def test_values_of_another_shape_are_refused(variable):
    with pytest.raises(ValueError, match="shape"):
        variable.assign(np.ones((3, 3)))
    with pytest.raises(ValueError, match="shape"):
        variable.value.assign(tf.ones((3, 3)))
