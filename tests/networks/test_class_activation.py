"""Gradients and maps of class activation, beside a tape through the fitted Keras model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Backbone, list_backbones
from skfashion._backbones.body_end import end_body_at
from skfashion._backbones.registry import get_backbone
from skfashion._networks.architecture import Architecture
from skfashion._networks.class_activation import build_class_activation, get_class_activation
from skfashion._networks.fitted_model import build_fitted_model
from skfashion._networks.network import get_network
from skfashion._networks.weight_files import load_body_weights
from skfashion._random_streams import RandomStreams
from tests.flat_bodies import tokens, vectors
from tests.residual import RESIDUAL
from tests.weight_files import require_weights

# Layers of backbones with files of real weights.
LAYERS = {
    "vgg16": ["block3_conv2", "block5_pool"],
    # Each of the convolutions is inside a block of branches.
    "inception_v3": ["conv2d_40", "mixed10"],
    "mobilenet_v2": ["block_8_project_BN", "out_relu"],
}

# In float32 one of the images has an activation within rounding of 6, where ReLU6 bends, after this
# layer. So its gradient may be either of two.
BENT = "block_8_project_BN", "float32"


def describe(backbone, shape=(14, 14, 1), size=None, dtype="float32", hidden_units=32):
    """Return the architecture of a network with three classes."""
    return Architecture(get_backbone(backbone), shape, size, dtype, 3, hidden_units, 0.5, 0.25)


def draw_weights(architecture):
    """Return random weights with averages of batch statistics away from where they start."""
    weights = get_network(architecture).initial_weights(RandomStreams(0))
    rng = np.random.default_rng(0)
    for path in weights:
        if "moving_mean" in path:
            weights[path] += rng.uniform(-0.1, 0.1, weights[path].shape).astype("float32")
        if "moving_variance" in path:
            weights[path] *= rng.uniform(0.2, 0.5, weights[path].shape).astype("float32")
    return weights


def draw_images(architecture, n_images=6):
    """Return noise in the type of the network's inputs, and classes."""
    images = np.random.default_rng(0).integers(0, 256, (n_images, *architecture.image_shape))
    return images.astype(architecture.float_type), np.arange(n_images) % 3


def by_tape(model, layer, images, classes):
    """Return a layer's output and the gradients of logits, through the Keras model of users."""
    network = model.get_layer("network")
    # A layer that is called again has several outputs.
    output = network.get_layer(layer)._inbound_nodes[0].output_tensors[0]
    both = keras.Model(network.inputs, [output, network.outputs[0]])
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        features, logits = both(images, training=False)
        scores = tf.reduce_sum(logits * tf.one_hot(classes, 3, dtype=logits.dtype))
    return as_floats(features, tape.gradient(scores, features))


def as_floats(*tensors):
    return [np.array(tf.cast(tensor, "float64")) for tensor in tensors]


def computed(activation, weights, images, classes):
    """Return the same from the function under test."""
    tensors = [tf.constant(weights[variable.path]) for variable in activation._model.weights]
    run = tf.function(activation.gradients, autograph=False)
    return as_floats(*run(tensors, tf.constant(images), tf.constant(classes, tf.int32)))


def check_gradients(architecture, layer, tolerance=1e-5, weights=None):
    """Compare a layer's output, its gradients, and the maps."""
    weights = draw_weights(architecture) if weights is None else weights
    images, classes = draw_images(architecture)
    model = build_fitted_model(architecture, weights, (0.0, 255.0), None)
    expected = by_tape(model, layer, images, classes)
    activation = get_class_activation(architecture, layer)
    for found, correct in zip(
        computed(activation, weights, images, classes), expected, strict=True
    ):
        assert np.abs(correct).max() > 0
        assert_allclose(found, correct, rtol=0, atol=tolerance * np.abs(correct).max())
    features, gradients = expected
    # The formula of the paper.
    maps = np.einsum("nk,nhwk->nhw", gradients.mean(axis=(1, 2)), features).clip(0)
    size = architecture.image_shape[:2]
    maps = tf.image.resize(maps[..., None], size, antialias=True)[..., 0].numpy()
    highest = maps.max(axis=(1, 2), keepdims=True)
    maps = np.divide(maps, highest, out=np.zeros_like(maps), where=highest > 0)
    found = activation.maps(weights, images, classes)
    assert found.dtype == np.float32
    assert_allclose(found, maps, atol=max(1e-4, 10 * tolerance))


def name_case(value):
    """Return the same name of a parameter in every process: a backbone prints an address."""
    if not isinstance(value, dict):
        return str(value)
    return " ".join(str(getattr(each, "name", each)) for each in value.values())


@pytest.mark.parametrize(
    ("params", "layer", "tolerance"),
    [
        ({"backbone": "small_cnn"}, "conv1", 1e-5),
        ({"backbone": "small_cnn", "hidden_units": 0}, "pool", 1e-5),
        ({"backbone": "small_resnet"}, "block1", 1e-5),
        # Inside a branch, and a layer that is called twice.
        ({"backbone": RESIDUAL}, "depthwise", 1e-5),
        pytest.param({"backbone": RESIDUAL}, "re_lu", 1e-5, marks=pytest.mark.slow),
        ({"backbone": RESIDUAL, "dtype": "float64"}, "norm", 1e-10),
        ({"backbone": RESIDUAL, "dtype": "mixed_bfloat16"}, "norm", 0.02),
        ({"backbone": RESIDUAL, "shape": (9, 12, 3), "size": 16}, "norm", 1e-5),
        pytest.param({"backbone": RESIDUAL, "size": 10}, "norm", 1e-5, marks=pytest.mark.slow),
        pytest.param(
            {"backbone": end_body_at(RESIDUAL, "norm")}, "norm", 1e-5, marks=pytest.mark.slow
        ),
    ],
    ids=name_case,
)
def test_gradients_are_those_of_a_tape_through_the_model(params, layer, tolerance):
    check_gradients(describe(**params), layer, tolerance)


def rounding(images):
    """A body with a layer through which no gradient flows."""
    from keras import layers, ops

    x = layers.Lambda(lambda x: ops.cast(ops.cast(x, "int32"), "float32") / 255)(images)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    return layers.Conv2D(4, 3, name="late_conv")(x)


def test_layers_before_need_no_gradient():
    spec = describe(Backbone("rounding", build=rounding, stages=("conv", "late_conv"), min_size=8))
    weights, (images, classes) = draw_weights(spec), draw_images(spec)
    _, gradients = computed(get_class_activation(spec, "conv"), weights, images, classes)
    assert np.abs(gradients).max(axis=(1, 2, 3)).min() > 0
    # A small change of the images changes nothing.
    _, gradients = computed(get_class_activation(spec, "images"), weights, images, classes)
    assert_array_equal(gradients, 0)


@pytest.mark.parametrize(
    "name",
    [
        name if name.startswith("small") else pytest.param(name, marks=pytest.mark.slow)
        for name in list_backbones()
    ],
)
def test_every_backbone_has_finite_maps(name):
    spec = describe(name, (20, 20, 3), hidden_units=0)
    weights, (images, classes) = draw_weights(spec), draw_images(spec)
    # What speaks against one class speaks for another, so not all maps are 0.
    weights["output/kernel"][:, 1] = -weights["output/kernel"][:, 0]
    maps = get_class_activation(spec, None).maps(weights, images, classes)
    assert maps.shape == (6, 20, 20)
    assert maps.min() >= 0
    assert set(maps.max(axis=(1, 2))) <= {0.0, 1.0}
    assert maps.any()


def test_names_of_one_layer_share_a_function():
    spec = describe(RESIDUAL)
    assert get_class_activation(spec, "norm") is get_class_activation(spec, 2)
    assert get_class_activation(spec, None) is get_class_activation(spec, "late_norm")
    assert build_class_activation.cache_info().maxsize is not None


def test_a_map_does_not_depend_on_other_images():
    spec = describe(RESIDUAL)
    weights = draw_weights(spec)
    # More than a batch, and not whole batches.
    images, classes = draw_images(spec, 150)
    maps = get_class_activation(spec, "norm").maps(weights, images, classes)
    for part in (slice(7), slice(120, 150)):
        some = get_class_activation(spec, "norm").maps(weights, images[part], classes[part])
        assert_array_equal(some, maps[part])


@pytest.mark.parametrize(
    ("build", "stages", "layer", "message"),
    [
        (
            vectors,
            ("patches", "pool"),
            "pool",
            r"layer='pool' has an output of shape \(6,\), which is not a feature map .*\. "
            r"Backbone 'it' has these stages with one: \['patches'\]\.",
        ),
        (vectors, ("patches", "pool"), -3, r"layer=-3 is out of range"),
        (vectors, ("patches", "pool"), 0, r"layer=0 is not a stage: count from 1"),
        (
            vectors,
            ("patches", "pool"),
            "patchs",
            r"layer='patchs' is not one of \['patches', 'pool', 'features'\]\. Did you mean 'pat",
        ),
        (
            tokens,
            ("tokens", "mix"),
            None,
            r"layer=None is .* feature map, but backbone 'it' has no such stage\. Its layers with "
            r"a feature map are \['images', 'rescale', 'patches'\]\.",
        ),
        (tokens, ("tokens", "mix"), "features", r"shape \(\d+, 5\), which .* has no such stage"),
    ],
)
def test_layers_without_a_feature_map(build, stages, layer, message):
    backbone = Backbone("it", build=build, stages=stages, min_size=8)
    with pytest.raises(ValueError, match=message):
        get_class_activation(describe(backbone, (8, 8, 1)), layer)


def test_the_last_stage_with_a_feature_map_is_the_default():
    backbone = Backbone("it", build=vectors, stages=("patches", "pool"), min_size=8)
    spec = describe(backbone, (8, 8, 1))
    assert get_class_activation(spec, None) is get_class_activation(spec, "patches")


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("backbone", LAYERS)
def test_gradients_with_real_weights(backbone, dtype, tolerance):
    path = require_weights(backbone)
    spec = describe(backbone, (96, 96, 3), dtype=dtype)
    weights = {**draw_weights(spec), **load_body_weights(path, get_network(spec))}
    for layer in LAYERS[backbone]:
        if (layer, dtype) != BENT:
            check_gradients(spec, layer, tolerance, weights)
