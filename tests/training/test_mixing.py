"""Mixup and CutMix: labels are mixed as pixels are."""

from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Recipe
from skfashion._keras.global_state import fresh_keras_state
from skfashion._training.mixing import EitherLayer, build_mixing_layer
from skfashion._training.regularization import Mixing

N_IMAGES, SHAPE = 600, (28, 20, 1)


@pytest.fixture(scope="module")
def mixed():
    """Mix black images of weight 3 and white ones of weight 2; return whites and labels."""

    @cache
    def traced(mixing, dtype):
        with fresh_keras_state(dtype):
            layer = build_mixing_layer(mixing)
        return layer, tf.function(lambda *batch: layer(*batch), autograph=False)

    def mixed(mixing, seed=0, dtype="float32"):
        is_white = np.arange(N_IMAGES) % 2 == 0
        images = np.broadcast_to(is_white[:, None, None, None], (N_IMAGES, *SHAPE)).astype(dtype)
        labels = (np.eye(2)[is_white.astype(int)] * np.where(is_white, 2, 3)[:, None]).astype(dtype)
        layer, run = traced(mixing, dtype)
        for number, variable in enumerate(layer.variables):
            variable.assign(np.array([seed, number], "uint32"))
        return [array.numpy() for array in run(tf.constant(images), tf.constant(labels))]

    return mixed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mixing", [Mixing(mixup=1.0), Mixing(cutmix=1.0), Mixing(0.4, 2.0)])
def test_weighted_labels_follow_the_pixels(mixed, mixing, dtype):
    images, labels = mixed(mixing, dtype=dtype)
    assert labels.dtype == dtype
    white = images.mean(axis=(1, 2, 3))
    assert_allclose(labels, np.column_stack([3 * (1 - white), 2 * white]), atol=1e-5)
    assert white.std() > 0.2


@pytest.mark.parametrize(("alpha", "std"), [(1.0, 12**-0.5), (0.2, (4 * 1.4) ** -0.5)])
def test_the_share_of_mixup_is_of_a_beta_distribution(mixed, alpha, std):
    images, _ = mixed(Mixing(mixup=alpha))
    share = np.where(np.arange(N_IMAGES) % 2 == 0, images[:, 0, 0, 0], 1 - images[:, 0, 0, 0])
    assert share.mean() == pytest.approx(0.5, abs=0.05)
    assert share.std() == pytest.approx(std, rel=0.1)
    assert_array_equal(images, np.broadcast_to(images[:, :1, :1], images.shape))


def test_cutmix_pastes_a_box_of_its_own_into_each_image(mixed):
    images, _ = mixed(Mixing(cutmix=1.0))
    assert set(np.unique(images)) == {0.0, 1.0}
    boxes = []
    for number, image in enumerate(images[..., 0]):
        pasted = image != (number % 2 == 0)
        rows, columns = pasted.any(axis=1), pasted.any(axis=0)
        assert_array_equal(pasted, rows[:, None] & columns)
        if pasted.any():
            boxes.append((*np.flatnonzero(rows)[[0, -1]], *np.flatnonzero(columns)[[0, -1]]))
    assert len(set(boxes)) > 0.8 * N_IMAGES
    # The middle of a box is anywhere, and what is outside of the image is cut off.
    touches = np.mean([box[0] == 0 for box in boxes])
    assert 0.3 < touches < 0.7


def test_a_small_parameter_mixes_little_and_gives_numbers(mixed):
    images, labels = mixed(Mixing(mixup=0.005))
    assert np.isfinite(images).all()
    assert_allclose(labels @ [1 / 3, 1 / 2], 1, atol=1e-6)
    assert (np.minimum(images, 1 - images).max(axis=(1, 2, 3)) < 0.01).mean() > 0.9


def test_each_batch_takes_one_of_the_two(mixed):
    kinds = [set(np.unique(mixed(Mixing(1.0, 1.0), seed)[0])) == {0, 1} for seed in range(12)]
    assert 1 < sum(kinds) < 11
    assert isinstance(build_mixing_layer(Mixing(1.0, 1.0)), EitherLayer)
    assert build_mixing_layer(Mixing()) is None


@pytest.mark.parametrize(
    ("options", "features"),
    [
        ({"mixup": 0.4}, "kept"),
        ({"cutmix": 1.0}, "recomputed"),
        ({"mixup": 1, "cutmix": 1}, "recomputed"),
    ],
)
def test_a_fit_mixes_images_or_kept_features_and_repeats_its_bits(
    make, lt5, weights_of, options, features
):
    def fit(seed, **params):
        params |= {"random_state": seed, "freeze_until": "features", "batch_size": 20}
        return make(**params).fit(*lt5)

    recipe = Recipe(**options)
    first, again, other = (fit(seed, recipe=recipe) for seed in (0, 0, 1))
    assert first.history_["features"] == [features] * 2
    assert first.history_["loss"] == again.history_["loss"] != other.history_["loss"]
    for path, weight in weights_of(first).items():
        assert_array_equal(weight, weights_of(again)[path])
    assert first.history_["loss"][-1] > fit(0).history_["loss"][-1]


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3)])
def test_features_of_any_shape_are_mixed_with_the_one_before(shape):
    with fresh_keras_state("float32"):
        layer = build_mixing_layer(Mixing(mixup=1.0))
    features = np.random.default_rng(0).random((5, *shape), "float32")
    mixed, labels = layer(tf.constant(features), tf.eye(5))
    share = np.diag(labels).reshape(5, *[1] * len(shape))
    assert_allclose(mixed, share * features + (1 - share) * np.roll(features, 1, 0), rtol=1e-5)


def test_an_image_without_weight_gives_its_pixels_but_no_label(make, lt5):
    """Rows of weight zero are dropped, so a tiny weight stands in for it."""
    X, y = lt5
    weight = np.where(y == 0, 1e-9, 1.0)
    recipe = Recipe(mixup=1.0)
    clf = make(recipe=recipe, epochs=8, batch_size=25).fit(X, y, sample_weight=weight)
    assert clf.predict_proba(X)[:, 0].mean() < 0.1
