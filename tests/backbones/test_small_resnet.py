"""The small ResNet: what fits with it, beyond the sweep over all backbones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skfashion import BackboneFeatures, TransferClassifier

SIDE = 16


@pytest.fixture(scope="module")
def images():
    """Small images of four classes, which differ in brightness."""
    y = np.arange(24) % 4
    X = np.random.default_rng(0).integers(0, 100, (24, SIDE, SIDE)) + 50 * y[:, None, None]
    return X.astype("uint8"), y


def make(**params):
    return TransferClassifier(
        "small_resnet", **{"epochs": 1, "batch_size": 12, "random_state": 0, **params}
    )


def test_weights_that_it_saved_give_the_same_features(images, tmp_path):
    X, y = images
    clf, path = make(epochs=0).fit(X, y), tmp_path / "body.weights.h5"
    clf.save_backbone_weights(path)
    features = BackboneFeatures("small_resnet", weights=path, pooling="average").fit_transform(X)
    # The head is linear by default, so the features determine the probabilities.
    assert clf.hidden_units_ == 0
    kernel, bias = (clf._fitted.weights[f"output/{name}"] for name in ("kernel", "bias"))
    scores = np.exp(features @ kernel + bias)
    assert_allclose(scores / scores.sum(axis=1, keepdims=True), clf.predict_proba(X), rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
@pytest.mark.parametrize("freeze_until", [None, "stem", "block2", "features", "dense"])
def test_pretraining_and_fine_tuning(images, dtype, freeze_until, tmp_path):
    X, y = images
    clf = make(
        pretrain_classes=[2, 3],
        pretrain_epochs=1,
        freeze_until=freeze_until,
        dtype=dtype,
        memory=tmp_path,
    ).fit(X, y)
    assert clf.hidden_units_ == (128 if freeze_until == "dense" else 0)
    assert set(clf.predict(X)) <= {0, 1}
    again = clone(clf).fit(X, y)
    assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_pretrained_weights_are_frozen_up_to_the_first_block(images, tmp_path):
    X, y = images
    make(epochs=0).fit(X, y).save_backbone_weights(tmp_path / "body.safetensors")
    clf = make(weights=tmp_path / "body.safetensors", epochs=0, head_init="probe").fit(X, y)
    assert (clf.freeze_point_, clf.body_until_) == ("block1", "block3")
    assert (clf.hidden_units_, clf.head_init_) == (0, "probe")


@pytest.mark.slow
def test_few_images_train_after_a_probe(images, tmp_path):
    X, y = images
    make().fit(X, y).save_backbone_weights(tmp_path / "body.safetensors")
    clf = make(weights=tmp_path / "body.safetensors", epochs=2, head_init="probe").fit(X, y)
    assert clf.head_init_ == "probe"
    assert clf.n_iter_ == 2
