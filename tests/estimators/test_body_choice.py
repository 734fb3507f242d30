"""The features that the end of a body is chosen by: those of a network that ends there, shared."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skfashion import Recipe
from skfashion._backbones.body_end import end_body_at
from skfashion._data.labelled_data import LabelledData, to_images
from skfashion._data.lazy_images import ImageFormat
from skfashion._estimators import body_choice
from skfashion._estimators.body_choice import choose_body_end, compute_head_inputs
from skfashion._networks.architecture import Architecture, BodyArchitecture
from skfashion._networks.body import get_body
from skfashion._networks.frozen_part import FrozenPart
from skfashion._networks.network import get_network
from skfashion._random_streams import RandomStreams
from tests.residual import RESIDUAL
from tests.workflows.test_feature_sharing import WITH_VECTOR, counts, features


def network_features(backbone, weights, images, dtype):
    """Return the features that the output layer of a network with this backbone takes."""
    network = get_network(
        Architecture(backbone, (12, 12, 1), None, dtype, 3, 0, dropout=0.0, feature_dropout=0.0)
    )
    head = {path: np.zeros(shape) for path, shape in network.shapes.items() if "output" in path}
    weights = network.cast({**weights, **head})
    return FrozenPart(network, "features", weights, None).head_inputs(images)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pooling", ["average", "normalized_average"])
def test_they_are_those_of_a_network_that_ends_there(pooling, dtype):
    backbone = replace(RESIDUAL, pooling=pooling)
    body = BodyArchitecture(backbone, (12, 12, 1), None, dtype)
    weights = get_body(body).initial_weights(RandomStreams(0))
    # More than a batch, and not whole batches.
    images = np.random.default_rng(0).uniform(0, 255, (150, 12, 12, 1)).astype(dtype)
    features = compute_head_inputs(body, backbone.stages, weights, images, None)
    assert list(features) == [*backbone.stages]
    for stage, vectors in features.items():
        assert vectors.dtype == dtype
        assert vectors.shape == (150, 4)
        if stage == backbone.stages[-1]:
            continue  # layers without weights follow it in the network
        expected = network_features(end_body_at(backbone, stage), weights, images, dtype)
        assert_allclose(vectors, expected, rtol=1e-5, atol=1e-5)
    one, _, other = features.values()
    assert not np.allclose(one, other)


def test_one_stage_alone():
    def late_features(backbone):
        body = BodyArchitecture(backbone, (12, 12, 1), None, "float32")
        weights = get_body(body).initial_weights(RandomStreams(0))
        images = np.random.default_rng(0).uniform(0, 255, (5, 12, 12, 1)).astype("float32")
        return compute_head_inputs(body, backbone.stages, weights, images, None)

    alone = late_features(replace(RESIDUAL, stages=("late_norm",)))
    assert list(alone) == ["late_norm"]
    # Batch normalisation is merged with convolutions that are no stages.
    assert_allclose(alone["late_norm"], late_features(RESIDUAL)["late_norm"], rtol=1e-6)


def test_the_end_of_the_body_is_chosen_by_features_that_are_shared(make, lt5, tmp_path):
    X, y = lt5
    path = tmp_path / "body.weights.h5"
    make(backbone=WITH_VECTOR, epochs=0).fit(X, y).save_backbone_weights(path)
    params = {"backbone": WITH_VECTOR, "weights": path, "head_init": "probe", "epochs": 0}
    clf = make(**params, body_until="auto", hidden_units="auto", freeze_until="features")
    expected = clone(clf).fit(X, y)
    memory = tmp_path / "memory"
    first = clf.set_params(memory=memory).fit(X, y)
    computed = counts(memory)[1]
    again = clone(clf).set_params(learning_rate=0.002).fit(X, y)
    features(X, memory, weights=path, layer=["third", 1])
    assert computed == counts(memory)[1] > 0
    assert first.body_until_ == again.body_until_ == expected.body_until_
    assert_array_equal(first.predict_proba(X), expected.predict_proba(X))


def choose(X, y, classes):
    """Return the end of a body with random weights."""
    body = BodyArchitecture(RESIDUAL, (14, 14, 1), None, "float32")
    weights = get_body(body).initial_weights(RandomStreams(0))
    data = LabelledData.of_positive_weight(X.reshape(len(y), -1), y, np.ones(len(y)))
    data, _ = to_images(data, None, ImageFormat((14, 14, 1), (0.0, 255.0)), "float32")
    return choose_body_end(body, weights, None, data, np.array(classes), RandomStreams(0), None)


def test_a_class_of_one_row_is_left_out_of_the_comparison(lt5, fashion):
    X, y = fashion
    rows = np.concatenate([np.flatnonzero(y < 5), np.flatnonzero(y == 7)[:1]])
    assert choose(X[rows], y[rows], [0, 1, 2, 3, 4, 7]) == choose(*lt5, range(5)) is not None
    two = rows[[*np.flatnonzero(y[rows] == 2), -1]]
    assert choose(X[two], y[two], [2, 7]) is None


def test_a_comparison_samples_two_rows_of_each_class(lt5, monkeypatch):
    monkeypatch.setattr(body_choice, "MOST_ROWS_TO_COMPARE", 6)
    assert choose(*lt5, range(5)) is not None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"freeze_until": "secnd"}, r"mean 'second'\?.* 2 is 'second'"),
        ({"augmentation": "flpi"}, "augmentation='flpi' is not one of"),
        ({"recipe": Recipe(mixup=-1.0)}, "'mixup' parameter"),
        ({"checkpoint": "folder", "random_state": None}, "Set random_state to an int"),
    ],
    ids=["freeze_until", "augmentation", "recipe", "checkpoint"],
)
def test_errors_come_before_images_pass_through_the_body(make, lt5, tmp_path, params, message):
    path = tmp_path / "body.weights.h5"
    make(backbone=WITH_VECTOR, epochs=0).fit(*lt5).save_backbone_weights(path)
    clf = make(backbone=WITH_VECTOR, weights=path, head_init="probe", memory=tmp_path / "memory")
    clf.set_params(body_until="auto", hidden_units="auto", epochs="auto", **params)
    with pytest.raises(ValueError, match=message):
        clf.fit(*lt5)
    assert counts(tmp_path / "memory")[1] == 0
