"""`.h5` files of classifiers around a nested body, as Keras writes them."""

from functools import partial

import h5py
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

# Keras 3.15 saves with NumPy 2.4's deprecation warnings, and warns of its own `.h5` format.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras"),
]


def build(images, prefix=""):
    """Three convolutions of equal shapes, with normalisation by batches in between."""
    x = images
    for number in range(3):
        x = layers.Conv2D(3, 3, padding="same", name=f"{prefix}conv{number}")(x)
        x = layers.BatchNormalization(name=f"{prefix}norm{number}")(x)
    return x


def named_as_constants(images):
    """A body whose layer has the name of EfficientNet's constants."""
    return layers.BatchNormalization(name="normalization")(build(images))


def nested(model_type, constants=False, build=build):
    """Return a Keras model of the body with random weights."""
    images = keras.Input(SHAPE)
    x = layers.Normalization(name="normalization_3")(images) if constants else images
    model = keras.Model(images, build(x), name="body")
    if model_type is keras.Sequential:
        model = keras.Sequential([images, *model.layers[1:]], name="body")
        model = keras.models.clone_model(model)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.uniform(0.1, 1.0, variable.shape))
    return model


def save_classifier(body, path):
    keras.Sequential([keras.Input(SHAPE), body, layers.Flatten(), layers.Dense(2)]).save(path)
    return path


def load(path, build=build):
    stage = build(keras.Input(SHAPE))._keras_history.operation.name
    backbone = Backbone("user", build, (stage,), 8, channels=3)
    return load_body_weights(path, Body(BodyArchitecture(backbone, SHAPE, None, "float32")))


def assert_weights_of(loaded, body):
    expected = {
        "/".join(variable.path.split("/")[-2:]): variable.numpy()
        for layer in body.layers
        if not isinstance(layer, layers.Normalization)
        for variable in layer.weights
    }
    assert loaded.keys() == expected.keys()
    for path, array in loaded.items():
        assert_array_equal(array, expected[path], err_msg=path)


@pytest.mark.parametrize("model_type", [keras.Model, keras.Sequential])
@pytest.mark.parametrize("frozen", [[], ["conv0"], ["conv0", "norm0", "conv1"], ["norm1"]])
def test_frozen_layers_of_a_nested_body_keep_their_places(tmp_path, model_type, frozen):
    body = nested(model_type)
    for name in frozen:
        body.get_layer(name).trainable = False
    assert_weights_of(load(save_classifier(body, tmp_path / "a.h5")), body)


def test_layers_of_other_names_are_read_in_the_order_of_the_file(tmp_path):
    body = nested(keras.Model)
    loaded = load(save_classifier(body, tmp_path / "a.h5"), partial(build, prefix="other_"))
    assert_weights_of({path.removeprefix("other_"): loaded[path] for path in loaded}, body)


@pytest.mark.parametrize("trainable", [True, False])
def test_constants_of_normalisation_in_a_nested_body_are_left_out(tmp_path, trainable):
    body = nested(keras.Model, constants=True)
    body.trainable = trainable
    assert_weights_of(load(save_classifier(body, tmp_path / "a.h5")), body)


def test_a_layer_of_the_body_that_is_named_as_constants_are_is_read(tmp_path):
    body = nested(keras.Model, build=named_as_constants)
    path = save_classifier(body, tmp_path / "a.h5")
    assert_weights_of(load(path, named_as_constants), body)


@pytest.mark.parametrize("kind", ["nested", "flat"])
def test_names_that_keras_splits_are_read(tmp_path, kind):
    """HDF5's attributes have at most 64 kB, so Keras writes long lists of names to several."""
    long = "x" * 12_000
    body = nested(keras.Model, build=partial(build, prefix=long))
    path = tmp_path / "a.h5"
    if kind == "nested":
        save_classifier(body, path)
    else:
        keras.Model(body.inputs, layers.Flatten()(body.output)).save(path)
    with h5py.File(path) as file:
        group = file["model_weights"]
        attributes = group["body"].attrs if kind == "nested" else group.attrs
        assert {"nested": "weight_names1", "flat": "layer_names1"}[kind] in attributes
    loaded = load(path, partial(build, prefix="other_"))
    names = {name.removeprefix("other_"): array for name, array in loaded.items()}
    assert_weights_of({f"{long}{name}": array for name, array in names.items()}, body)
