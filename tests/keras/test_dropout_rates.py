"""Dropout at a rate that is known at run time, against Keras' layer that is built with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_array_equal

from skfashion._keras.dropout_rates import dropout_at
from skfashion._keras.tracing import trace

DTYPES = ["float32", "float64", "bfloat16"]


def model_with(rate, dtype):
    """Return a model that drops, and has another layer of dropout after that."""
    inputs = keras.Input((500,), dtype=dtype)
    x = keras.layers.Dropout(rate, seed=3, dtype=dtype, name="dropout")(inputs)
    return keras.Model(inputs, keras.layers.Dropout(0.4, seed=4, dtype=dtype, name="other")(x))


def output_and_gradient(model, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x, training=True)
    return y, tape.gradient(y, x)


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.25, 1 / 3, 0.5, 0.9])
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_has_the_bits_of_keras_layer(dtype, rate):
    x = tf.constant(np.random.default_rng(0).normal(size=(8, 500)), dtype)
    signature = tf.TensorSpec(x.shape, dtype)
    built = model_with(rate, dtype)
    expected = trace(lambda x: output_and_gradient(built, x), signature)(x)
    model = model_with(0.5, dtype)

    def at_rate(x, rate):
        with dropout_at(model, {"dropout": rate}):
            return output_and_gradient(model, x)

    function = trace(at_rate, signature, tf.TensorSpec([], tf.float64))
    for one, other in zip(function(x, tf.constant(rate, tf.float64)), expected, strict=True):
        assert_array_equal(one.numpy(), other.numpy())


def test_nothing_is_dropped_in_inference_and_after_the_block():
    x = tf.ones([4, 500])
    model = model_with(0.5, "float32")
    layer = model.get_layer("dropout")
    with dropout_at(model, {"dropout": tf.constant(0.9, tf.float64)}):
        assert_array_equal(model(x), x)
        assert np.mean(layer(x, training=True) == 0) > 0.8
    assert 0.4 < np.mean(layer(x, training=True) == 0) < 0.6


def test_a_layer_that_was_built_without_a_rate_stays_as_it_is():
    x = tf.ones([4, 500])
    model = model_with(0.0, "float32")
    with dropout_at(model, {"dropout": tf.constant(0.9, tf.float64)}):
        assert_array_equal(model.get_layer("dropout")(x, training=True), x)
