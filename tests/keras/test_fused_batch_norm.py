"""Batch normalisation by TensorFlow's kernel, against Keras' own layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Backbone
from skfashion._keras.fused_batch_norm import BatchNormalization

KERNEL = tf.raw_ops.FusedBatchNormV3
MAPS = np.random.default_rng(0).normal(3, 2, (16, 5, 7, 12)).astype("float32")


def train_step(make_layer, inputs, **params):
    """Return outputs, gradients and averages of a step."""
    layer = make_layer(momentum=0.9, **params)
    layer.build(inputs.shape)
    inputs = tf.Variable(inputs)
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
        total = tf.reduce_mean(tf.sin(outputs))
    gradients = tape.gradient(total, [inputs, *(w.value for w in layer.trainable_variables)])
    averages = [variable.value for variable in layer.non_trainable_variables]
    return [tensor.numpy() for tensor in (outputs, *gradients, *averages)]


@pytest.fixture
def kernel_runs(monkeypatch):
    """Return a list that grows with each run of the kernel."""
    runs = []

    def counted(**inputs):
        runs.append(inputs["x"].dtype)
        return KERNEL(**inputs)

    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", counted)
    return runs


@pytest.mark.parametrize(
    "params", [{}, {"scale": False}, {"center": False, "epsilon": 1.001e-5}], ids=str
)
def test_a_step_is_keras_own(params, kernel_runs):
    theirs = train_step(keras.layers.BatchNormalization, MAPS, **params)
    ours = train_step(BatchNormalization, MAPS, **params)
    assert kernel_runs == [tf.float32]
    assert len(ours) == len(theirs)
    for own, other in zip(ours, theirs, strict=True):
        assert_allclose(own, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "params"),
    [
        (MAPS.astype("float64"), {"dtype": "float64"}),
        (MAPS[:, 0, 0], {}),
        (MAPS, {"axis": 1}),
    ],
)
def test_what_the_kernel_does_not_know_goes_keras_way(inputs, params, kernel_runs):
    theirs = train_step(keras.layers.BatchNormalization, inputs, **params)
    ours = train_step(BatchNormalization, inputs, **params)
    assert kernel_runs == []
    for own, other in zip(ours, theirs, strict=True):
        assert_array_equal(own, other)


def test_inference_is_keras_own(kernel_runs):
    outputs, gradients = [], []
    for make_layer in (BatchNormalization, keras.layers.BatchNormalization):
        layer = make_layer()
        layer.build(MAPS.shape)
        weights = np.random.default_rng(1).uniform(0.5, 2, (4, 12))
        layer.set_weights(list(weights))
        inputs = tf.Variable(MAPS)
        with tf.GradientTape() as tape:
            output = layer(inputs, training=False)
            total = tf.reduce_mean(tf.sin(output))
        variables = [inputs, *(w.value for w in layer.trainable_variables)]
        gradients.append(tape.gradient(total, variables))
        outputs.append(output)
        assert_array_equal(layer.get_weights(), weights.astype("float32"))
    assert kernel_runs == [tf.float32]
    assert_allclose(*outputs, rtol=1e-4, atol=1e-5)
    for own, other in zip(*gradients, strict=True):
        assert_allclose(own, other, rtol=1e-4, atol=1e-5)


def test_a_frozen_layer_keeps_its_averages(kernel_runs):
    own, other = (
        train_step(make_layer, MAPS, trainable=False)
        for make_layer in (BatchNormalization, keras.layers.BatchNormalization)
    )
    assert kernel_runs == [tf.float32]
    for ours, theirs in zip(own, other, strict=True):
        assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_half_precision_is_keras_own_but_for_rounding(kernel_runs):
    policy = {"dtype": keras.DTypePolicy("mixed_bfloat16")}
    theirs = train_step(keras.layers.BatchNormalization, MAPS, **policy)
    ours = train_step(BatchNormalization, MAPS, **policy)
    assert kernel_runs == [tf.bfloat16]
    for own, other in zip(ours, theirs, strict=True):
        assert_allclose(own.astype("float32"), other.astype("float32"), rtol=0.02, atol=0.02)


def fused(images):
    x = keras.layers.Conv2D(4, 3, strides=2, name="conv")(images / 255)
    x = BatchNormalization(name="norm")(x)
    x = keras.layers.Conv2D(4, 3, name="late_conv")(x)
    return BatchNormalization(name="late_norm")(x)


FUSED = Backbone("fused", fused, ("conv", "norm", "late_conv", "late_norm"), min_size=8)


# Keras 3.15 lets NumPy 2.4 complain about its variables' __array__ when it saves a model.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("backbone", "freeze_until", "norm", "tolerance"),
    [
        (FUSED, "norm", "late_norm", 0),
        # Keras traces both models, and promises no bits.
        pytest.param("mobilenet_v2", -2, "block_1_expand_BN", 1e-6, marks=pytest.mark.slow),
    ],
    ids=["small", "mobilenet_v2"],
)
def test_models_have_keras_own_layers(
    make, fashion, tmp_path, backbone, freeze_until, norm, tolerance
):
    X, _ = fashion
    # The last stages train, so their batch statistics move; the others are frozen.
    clf = make(backbone=backbone, epochs=1, freeze_until=freeze_until).fit(*fashion)
    network = clf.model_.get_layer("network")
    layers = network.layers
    kinds = {type(layer) for layer in layers if "Normalization" in type(layer).__name__}
    assert kinds == {keras.layers.BatchNormalization}
    assert_allclose(clf.model_.predict(X[..., None], verbose=0), clf.predict_proba(X), atol=1e-5)
    keras.Model(network.inputs[0], network.get_layer(norm).output)
    clf.model_.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    found, expected = (each.predict(X[..., None], verbose=0) for each in (again, clf.model_))
    assert_allclose(found, expected, rtol=0, atol=tolerance)
