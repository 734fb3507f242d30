"""Graphs of users' backbones: what predicts as it trained, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from time import sleep

import keras
import numpy as np
import pytest
from keras import layers
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss

from skfashion import Backbone, BackboneFeatures
from skfashion._networks.architecture import Architecture
from skfashion._networks.network import Network
from tests.residual import RESIDUAL

RNG = np.random.default_rng(0)


def backbone(build, *stages, **params):
    return Backbone("user", build=build, stages=stages, **{"min_size": 7, **params})


class NormalizeAndClip(layers.BatchNormalization):
    """A layer that computes something else than the class that it extends."""

    def call(self, inputs, training=None, mask=None):
        return keras.ops.relu(super().call(inputs, training=training, mask=mask))


def with_subclass(images):
    return NormalizeAndClip(name="norm")(layers.Conv2D(4, 3, name="conv")(images / 255))


def test_a_subclass_of_batch_normalisation_predicts_as_its_model(make, small):
    X, y = small
    clf = make(backbone=backbone(with_subclass, "norm"), hidden_units=0).fit(X, y)
    expected = clf.model_.predict(X[..., None].astype("float32"), verbose=0)
    assert_allclose(clf.predict_proba(X), expected, atol=1e-5)


def tower(name, inner="conv"):
    images = keras.Input((7, 7, 1))
    return keras.Model(images, layers.Conv2D(4, 3, name=inner)(images), name=name)


def with_towers(*names):
    def build(images):
        outputs = [
            tower(f"tower_{number}", name)(images / 255) for number, name in enumerate(names)
        ]
        return layers.Concatenate(name="join")(outputs)

    return build


def test_weights_with_one_path_are_refused(make, small):
    message = r"more than one weight with each of the paths \['conv/kernel', 'conv/bias'\]\. Give"
    with pytest.raises(ValueError, match=message):
        make(backbone=backbone(with_towers("conv", "conv"), "join")).fit(*small)
    X, y = small
    clf = make(backbone=backbone(with_towers("left", "right"), "join"), hidden_units=0)
    clf.fit(X, y, X_val=X, y_val=y)
    assert clf.history_["val_loss"][-1] == pytest.approx(
        log_loss(y, clf.predict_proba(X)), rel=1e-4
    )


@pytest.mark.parametrize("name", ["output", "dense"])
@pytest.mark.parametrize("layer", [partial(layers.Conv2D, 4, 3), layers.BatchNormalization])
def test_a_nested_layer_with_the_name_of_one_of_the_head_is_refused(make, small, layer, name):
    def build(images):
        inner = keras.Input((7, 7, 1))
        return keras.Model(inner, layer(name=name)(inner), name="tower")(images / 255)

    message = rf"layers that are called \['{name}'\], as layers of the head are\. Give them other"
    with pytest.raises(ValueError, match=message):
        make(backbone=backbone(build, "tower")).fit(*small)


def test_the_name_of_the_whole_body_is_that_of_the_last_stage_only(make, small):
    def build(images):
        x = layers.Conv2D(4, 3, name="features")(images)
        return layers.Conv2D(4, 3, name="last")(x)

    with pytest.raises(ValueError, match=r"'features', which names .* last stage is 'last'\. Give"):
        make(backbone=backbone(build, "last")).fit(*small)

    def end_with_features(images):
        return layers.ReLU(name="active")(layers.Conv2D(4, 3, name="features")(images))

    ends = backbone(end_with_features, "features")
    clf = make(backbone=ends, freeze_until="features", epochs=1).fit(*small)
    assert clf.n_frozen_params_ == 3 * 3 * 4 + 4


def with_shared_layer(images):
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    x = layers.BatchNormalization(name="before")(shared(layers.Conv2D(4, 3, name="stem")(images)))
    return layers.BatchNormalization(name="after")(shared(x))


def test_a_layer_on_both_sides_of_a_freeze_point_is_refused(make, small):
    shared = backbone(with_shared_layer, "before", "after")
    message = (
        r"Stage 'before' .*: the weights \['shared/kernel', .* Leave 'before' out of its stages"
    )
    for freeze_until in ("before", "after"):
        with pytest.raises(ValueError, match=message):
            make(backbone=shared, freeze_until=freeze_until).fit(*small)
    # Nothing is shared with the head.
    allowed = backbone(with_shared_layer, "after")
    with pytest.raises(ValueError, match=r"freeze_until='before' is not .* Use one of \['after'\]"):
        make(backbone=allowed, freeze_until="before").fit(*small)
    for freeze_until in (None, "stem", "after"):
        clf = make(backbone=allowed, freeze_until=freeze_until, epochs=1).fit(*small)
        assert clf.freeze_point_ == freeze_until


def learns_constants(images):
    return layers.Conv2D(4, 3, name="conv")(layers.Normalization(name="scale")(images))


def has_constants(images):
    scale = layers.Normalization(mean=100.0, variance=50.0, name="scale")
    return layers.Conv2D(4, 3, name="conv")(scale(images))


def with_spectral_normalization(images):
    return layers.SpectralNormalization(layers.Conv2D(4, 3, name="inner"), name="conv")(images)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (learns_constants, "'scale', a Normalization that learns .* Give it mean and variance"),
        (with_spectral_normalization, "'conv', a SpectralNormalization, which replaces weights"),
    ],
)
def test_layers_that_change_weights_without_gradients_are_refused(small, build, message):
    with pytest.raises(ValueError, match=message):
        BackboneFeatures(backbone(build, "conv")).fit(small[0])
    assert BackboneFeatures(backbone(has_constants, "conv")).fit_transform(small[0]).shape[1] == 4


def test_layers_from_outside_are_refused(small):
    outside = tower("outside")
    with pytest.raises(
        ValueError, match=r"made outside its build function\. Make them inside, with"
    ):
        BackboneFeatures(backbone(lambda images: outside(images), "outside")).fit(small[0])


def test_a_nested_model_without_fixed_sides_has_memory(small, tmp_path):
    def build(images):
        sides = keras.Input((None, None, 1))
        x = layers.Conv2D(4, 3, name="inner")(sides)
        return keras.Model(sides, layers.Conv2D(4, 3, name="last")(x), name="nested")(images)

    features = BackboneFeatures(backbone(build, "nested"), random_state=0, memory=tmp_path)
    first = features.fit_transform(small[0])
    np.testing.assert_array_equal(features.transform(small[0]), first)


def tokens(n_blocks):
    def build(images):
        x = layers.Conv2D(8, 7, name="patch")(images)
        x = layers.Reshape((-1, 8), name="tokens")(x)
        for number in range(n_blocks):
            z = layers.LayerNormalization(name=f"norm_{number}")(x)
            x = x + layers.MultiHeadAttention(2, 4, name=f"attention_{number}")(z, z)
        return layers.LayerNormalization(name="last")(x)

    return build


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_file_of_a_deeper_network_of_tokens_is_refused(tmp_path):
    images = keras.Input((14, 14, 1))
    X = RNG.integers(0, 256, (4, 14, 14), "uint8")
    for n_blocks in (2, 3):
        path = tmp_path / f"{n_blocks}.weights.h5"
        keras.Model(images, tokens(n_blocks)(images)).save_weights(path)
    two = backbone(tokens(2), "last", min_size=14)
    assert BackboneFeatures(two, weights=tmp_path / "2.weights.h5").fit_transform(X).shape == (4, 8)
    with pytest.raises(ValueError, match="further convolutions or attention after them"):
        BackboneFeatures(two, weights=tmp_path / "3.weights.h5").fit(X)


def test_one_thread_at_a_time_cuts_graphs(monkeypatch):
    lock, counts = Lock(), []
    build = keras.Model

    def count_and_build(*args, **kwargs):
        is_alone = lock.acquire(blocking=False)
        counts.append(is_alone)
        sleep(0.01)
        try:
            return build(*args, **kwargs)
        finally:
            if is_alone:
                lock.release()

    architecture = Architecture(RESIDUAL, (14, 14, 1), None, "float32", 10, 0, 0.5, 0.5)
    networks = [Network(architecture) for _ in range(4)]
    monkeypatch.setattr(keras, "Model", count_and_build)
    with ThreadPoolExecutor(4) as pool:
        cuts = [*pool.map(lambda network: network.split_at("stem"), networks)]
    assert counts == [True] * 8
    assert len({len(front.weights) for front, _ in cuts}) == 1
