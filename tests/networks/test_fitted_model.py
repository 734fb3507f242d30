"""`model_`: called, saved, exported and predicted alike; its trainable parameters."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Backbone, TransferClassifier, list_backbones
from skfashion._backbones.registry import get_backbone
from skfashion._networks.architecture import Architecture
from skfashion._networks.batch_function import run_batches
from skfashion._networks.fitted_model import build_fitted_model
from skfashion._networks.network import get_network
from skfashion._random_streams import RandomStreams
from tests.programs import run_program

# Keras 3.15 saves with NumPy 2.4's deprecation warnings.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def flipping(images):
    """A body that is random in training, by Keras' default for a call, too."""
    from keras import layers

    x = layers.RandomFlip(seed=0, name="flip")(images)
    x = layers.Conv2D(4, 3, strides=2, name="conv")(x)
    return layers.BatchNormalization(name="norm")(x)


FLIPPING = Backbone("flipping", build=flipping, stages=("conv", "norm"), min_size=8)


def build(backbone, size, freeze_point=None):
    """Return a model with random weights for images of 24 pixels, and what it should predict."""
    architecture = Architecture(
        backbone=backbone,
        image_shape=(24, 24, 1),
        input_size=size,
        dtype="float32",
        n_classes=3,
        hidden_units=8,
        dropout=0.5,
        feature_dropout=0.25,
    )
    network = get_network(architecture)
    rng = np.random.default_rng(0)
    # Averages of batch statistics away from where they start, and from those of a batch.
    weights = {
        path: array + rng.uniform(0.1, 0.5, array.shape).astype(array.dtype)
        if "moving" in path
        else array
        for path, array in network.initial_weights(RandomStreams(0)).items()
    }
    images = rng.integers(0, 256, (6, 24, 24, 1)).astype("float32")
    expected = run_batches([network.head_function(None)], weights, images)
    return build_fitted_model(architecture, weights, (0.0, 255.0), freeze_point), images, expected


@pytest.mark.parametrize(
    "name",
    [
        # The fast suite has the backbone with batch normalisation of the next test instead.
        name if name == "small_cnn" else pytest.param(name, marks=pytest.mark.slow)
        for name in list_backbones()
    ],
)
def test_a_resized_backbone_is_called_saved_and_exported_as_it_predicts(name, tmp_path):
    backbone = get_backbone(name)
    check_model(*build(backbone, backbone.min_size + 1), tmp_path)


@pytest.mark.parametrize("size", [None, 16], ids=["as they are", "resized"])
def test_a_model_with_random_layers_predicts_the_same_everywhere(size, tmp_path):
    check_model(*build(FLIPPING, size), tmp_path)


def check_model(model, images, expected, folder):
    before = model.get_weights()
    # Nothing that needs an import of this library is in it.
    assert "skfashion" not in model.to_json()
    model.save(folder / "model.keras")
    model.export(folder / "exported", verbose=False)
    loaded = keras.models.load_model(folder / "model.keras")
    exported = tf.saved_model.load(folder / "exported")
    for call in (model, model.predict_on_batch, loaded, exported.serve):
        assert_allclose(call(images), expected, atol=1e-5)
        one_by_one = np.concatenate([call(image[None]) for image in images])
        assert_allclose(one_by_one, expected, atol=1e-5)
    for weight, value in zip(model.get_weights(), before, strict=True):
        assert_array_equal(weight, value)


@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
def test_a_fresh_model_is_exported_to_onnx(tmp_path):
    model, images, expected = build(FLIPPING, 30)
    model.export(str(tmp_path / "model.onnx"), format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (probabilities,) = session.run(None, {"pixels": images})
    assert_allclose(probabilities, expected, atol=1e-5)


LOAD = """
import sys
from pathlib import Path
import keras
import numpy as np

for path in sorted(Path().glob("*.keras")):
    data = np.load(path.with_suffix(".npz"))
    probabilities = keras.models.load_model(path)(data["images"])
    print(path.stem, float(np.abs(probabilities - data["expected"]).max()))
assert "skfashion" not in sys.modules
"""


@pytest.mark.slow
def test_keras_files_are_loaded_without_this_library(tmp_path):
    for backbone in (*map(get_backbone, list_backbones()), FLIPPING):
        model, images, expected = build(backbone, backbone.min_size + 1)
        model.save(tmp_path / f"{backbone.name}.keras")
        np.savez(tmp_path / f"{backbone.name}.npz", images=images, expected=expected)
    printed = run_program(LOAD, folder=tmp_path).stdout
    errors = dict(line.split() for line in printed.splitlines())
    assert errors.keys() == {*list_backbones(), "flipping"}
    assert max(map(float, errors.values())) < 1e-5


def test_a_model_still_trains_when_it_is_told_to():
    model, images, expected = build(FLIPPING, 16)
    loaded = keras.models.model_from_json(model.to_json())
    for each in (model, loaded):
        before = [w.copy() for w in each.get_weights()]
        each(images, training=True)
        moved = [
            w.path
            for w, value in zip(each.weights, before, strict=True)
            if not np.array_equal(w.numpy(), value)
        ]
        assert {path.rsplit("/", 1)[-1] for path in moved} >= {"moving_mean", "moving_variance"}
    assert not np.allclose(model(images, training=True), expected, atol=1e-5)


def non_trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.non_trainable_weights)


@pytest.mark.parametrize("freeze_until", [None, "conv1", "conv2", "features", "dense"])
def test_the_summary_counts_frozen_parameters(fashion, freeze_until):
    clf = TransferClassifier(freeze_until=freeze_until, epochs=1, random_state=0).fit(*fashion)
    lines = []
    clf.model_.summary(print_fn=lines.append)
    frozen, trainable = clf.n_frozen_params_, clf.n_trainable_params_
    summary = "\n".join(lines)
    assert f"Non-trainable params: {frozen:,} (" in summary
    assert f" Trainable params: {trainable:,} (" in summary
    assert_allclose(
        clf.model_.predict(fashion[0], verbose=0), clf.predict_proba(fashion[0]), atol=1e-5
    )


@pytest.mark.parametrize(
    ("point", "frozen", "statistics"), [(None, 0, 8), ("conv", 40, 8), ("norm", 56, 0)]
)
def test_statistics_of_batches_never_count_as_trainable(point, frozen, statistics):
    model, *_ = build(FLIPPING, 16, point)
    assert non_trainable(model) == frozen + statistics
    assert model.get_layer("network").get_layer("conv").trainable is (point is None)


def test_the_model_follows_another_freeze_point(fashion):
    clf = TransferClassifier(freeze_until="conv1", epochs=1, random_state=0, warm_start=True)
    assert non_trainable(clf.fit(*fashion).model_) == 320
    assert non_trainable(clf.set_params(freeze_until=None).fit(*fashion).model_) == 0


def test_frozen_layers_keep_one_place_in_the_graph(fashion):
    clf = TransferClassifier(freeze_until="conv1", epochs=1, random_state=0).fit(*fashion)
    network = clf.model_.get_layer("network")
    conv1 = keras.Model(network.inputs, network.get_layer("conv1").output)
    assert conv1.output_shape == (None, 12, 12, 32)
