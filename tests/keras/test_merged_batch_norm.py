"""Batch normalisation as a part of the convolution before it, in inference."""

import keras
import numpy as np
import pytest
from keras import layers
from numpy.testing import assert_allclose

from skfashion._keras.merged_batch_norm import _find_pairs, merged_batch_norm

IMAGES = np.random.default_rng(0).normal(size=(3, 9, 11, 4)).astype("float32")


def convolve(x, kind="full", **params):
    if kind == "depthwise":
        return layers.DepthwiseConv2D(3, **params)(x)
    return layers.Conv2D(6, 3, **params)(x)


def build(connect):
    inputs = keras.Input(IMAGES.shape[1:])
    model = keras.Model(inputs, connect(inputs))
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.uniform(0.5, 2, weight.shape))
    return model


def run(model):
    weights = [weight.value for weight in model.trainable_variables]
    state = [weight.value for weight in model.non_trainable_variables]
    return model.stateless_call(weights, state, IMAGES, training=False)[0]


@pytest.mark.parametrize("kind", ["full", "depthwise"])
@pytest.mark.parametrize(
    "params",
    [
        {"use_bias": False},
        {"strides": 2, "padding": "same"},
        {"dilation_rate": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("norm", [{}, {"scale": False}, {"center": False, "epsilon": 0.1}], ids=str)
def test_results_differ_by_rounding(kind, params, norm):
    model = build(
        lambda x: layers.ReLU()(layers.BatchNormalization(**norm)(convolve(x, kind, **params)))
    )
    expected = run(model)
    with merged_batch_norm(model, ()):
        assert len(_find_pairs(model)) == 1
        merged = run(model)
    assert_allclose(merged, expected, rtol=1e-5, atol=1e-5)
    assert not np.array_equal(merged, expected)
    assert np.array_equal(run(model), expected)


def with_other_consumer(x):
    x = convolve(x)
    return layers.Add()([layers.BatchNormalization()(x), x])


def with_output_of_the_convolution(x):
    x = convolve(x)
    return [layers.BatchNormalization()(x), x]


def with_a_convolution_that_is_called_twice(x):
    convolution, norm = layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()
    return convolution(norm(convolution(x)))


@pytest.mark.parametrize(
    "connect",
    [
        with_other_consumer,
        with_output_of_the_convolution,
        with_a_convolution_that_is_called_twice,
        lambda x: layers.BatchNormalization()(convolve(x, activation="relu")),
        lambda x: layers.BatchNormalization()(layers.ReLU()(convolve(x))),
        lambda x: layers.BatchNormalization(axis=1)(convolve(x)),
        lambda x: layers.BatchNormalization(dtype="float64")(convolve(x, dtype="float64")),
    ],
)
def test_other_pairs_are_left_alone(connect):
    assert _find_pairs(build(connect)) == []


def test_a_part_of_a_model_has_the_pairs_that_are_whole_in_it():
    model = build(lambda x: layers.BatchNormalization(name="norm")(convolve(x, name="conv")))
    before = keras.Model(model.inputs[0], model.get_layer("conv").output)
    after = keras.Model(model.get_layer("conv").output, model.outputs[0])
    assert _find_pairs(before) == _find_pairs(after) == []
    assert len(_find_pairs(model)) == 1
    assert _find_pairs(model, ("conv",)) == []
    assert len(_find_pairs(model, ("norm",))) == 1


def test_a_trace_that_fails_leaves_the_layers():
    model = build(lambda x: layers.BatchNormalization()(convolve(x)))
    expected = run(model)
    with pytest.raises(RuntimeError, match="stop"), merged_batch_norm(model, ()):
        raise RuntimeError("stop")
    assert np.array_equal(run(model), expected)
