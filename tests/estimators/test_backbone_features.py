"""BackboneFeatures: a transformer like any other."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_param_validation,
    estimator_checks_generator,
    parametrize_with_checks,
)

from skfashion import BackboneFeatures
from tests.weight_files import require_weights


@parametrize_with_checks(
    [BackboneFeatures(random_state=0), BackboneFeatures(pooling="flatten", dtype="float64")]
)
def test_check_suite(estimator, check):
    check(estimator)


def test_suite_is_complete():
    assert len(list(estimator_checks_generator(BackboneFeatures()))) == 46
    check_param_validation("BackboneFeatures", BackboneFeatures())


def test_a_transformer_in_a_grid(fashion, fashion_test, tmp_path):
    pipeline = make_pipeline(
        BackboneFeatures(random_state=0),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
        memory=str(tmp_path),
    )
    layers = ["rescale", 1, "features"]
    grid = {"backbonefeatures__layer": layers, "backbonefeatures__pooling": ["average", "flatten"]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(*fashion)
    assert len(set(search.cv_results_["mean_test_score"])) > 2
    assert search.score(*fashion_test) > 0.6


def test_pooling(fashion):
    X, _ = fashion
    flat, average, most = (
        BackboneFeatures(pooling=pooling, random_state=0).fit_transform(X[:5])
        for pooling in ("flatten", "average", "max")
    )
    maps = flat.reshape(5, 5, 5, 32)
    assert_allclose(average, maps.mean(axis=(1, 2)), rtol=1e-5)
    assert_array_equal(most, maps.max(axis=(1, 2)))


@pytest.mark.parametrize(
    ("layer", "same_as"), [(1, "conv1"), (2, "features"), (-1, "conv1"), ("pool", "features")]
)
def test_layers_by_number(fashion, layer, same_as):
    one, other = (
        BackboneFeatures(layer=name, random_state=0).fit_transform(fashion[0][:3])
        for name in (layer, same_as)
    )
    assert_array_equal(one, other)


def test_features_are_those_that_a_classifier_freezes(make, lt5, body_path, weights_of):
    """Its head on the same frozen body sees the same numbers."""
    clf = make(weights=body_path, freeze_until="features", hidden_units=0, epochs=1).fit(*lt5)
    features = BackboneFeatures(weights=body_path, pooling="flatten").fit_transform(lt5[0])
    weights = weights_of(clf)
    logits = features @ weights["output/kernel"] + weights["output/bias"]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = odds / odds.sum(axis=1, keepdims=True)
    assert_allclose(clf.predict_proba(lt5[0]), expected, rtol=1e-4, atol=1e-6)


def test_names_and_frames(fashion):
    X, _ = fashion
    features = BackboneFeatures(random_state=0).set_output(transform="pandas").fit(X)
    frame = features.transform(X[:4])
    assert isinstance(frame, pd.DataFrame)
    assert frame.shape == (4, 32)
    assert list(frame.columns) == list(features.get_feature_names_out())
    assert frame.columns[31] == "backbonefeatures31"


def test_range_of_pixels_and_shape_are_learned(fashion):
    X, _ = fashion
    whole = BackboneFeatures(random_state=0).fit(X)
    unit = BackboneFeatures(random_state=0).fit(X / 255)
    assert unit.pixel_range_ == (0.0, 1.0)
    assert_allclose(unit.transform(X / 255), whole.transform(X), rtol=1e-4, atol=1e-5)
    assert_array_equal(whole.transform(X.reshape(len(X), -1)), whole.transform(X))
    with pytest.raises(ValueError, match=r"BackboneFeatures was fitted on images of shape"):
        whole.transform(np.zeros((2, 30, 30), "uint8"))


def test_copies(fashion):
    X, _ = fashion
    features = BackboneFeatures(layer="conv1", random_state=0).fit(X)
    assert set(features._fitted.weights) == {"conv1/kernel", "conv1/bias"}
    copies = [clone(features).fit(X), pickle.loads(pickle.dumps(features))]
    for copy in copies:
        assert_array_equal(copy.transform(X[:9]), features.transform(X[:9]))
    other = BackboneFeatures(layer="conv1", random_state=1).fit(X)
    assert not np.array_equal(other.transform(X[:9]), features.transform(X[:9]))
    features.set_params(layer="conv2")
    assert features.transform(X[:9]).shape == (9, 32)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"layer": "conv"}, r"layer='conv' is not one of \['conv1', 'conv2', .* Did you mean"),
        ({"layer": 3}, "layer=3 is out of range: backbone 'small_cnn' has 2 stages"),
        ({"layer": 0}, "layer=0 is not a stage"),
        ({"backbone": "vgg"}, "backbone='vgg' is not one of .* Did you mean 'vgg16'"),
        ({"backbone": "vgg16", "input_size": 16}, "input_size=16 is smaller than .*'vgg16'.* 32"),
    ],
    ids=str,
)
def test_bad_parameters(fashion, params, message):
    with pytest.raises(ValueError, match=message):
        BackboneFeatures(**params).fit(fashion[0])


# Linear probes on real pretrained weights, what they came to where these were made; and on random
# ones.
PROBES = {
    ("vgg16", 64): {
        "block2_pool": (0.785, 0.719),
        "block3_pool": (0.864, 0.752),
        "block4_pool": (0.888, 0.805),
        "block5_pool": (0.836, 0.786),
    },
    ("inception_v3", 96): {
        "mixed0": (0.834, 0.763),
        "mixed2": (0.853, 0.765),
        "mixed4": (0.842, 0.785),
        "mixed10": (0.655, 0.768),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "size"), PROBES)
def test_linear_probes_on_real_weights(backbone, size):
    from skfashion.datasets import fetch_fashion_mnist

    weights = require_weights(backbone)
    X, y = (part[:2000] for part in fetch_fashion_mnist("train", return_X_y=True))
    X_test, y_test = (part[:1000] for part in fetch_fashion_mnist("test", return_X_y=True))
    for layer, expected in PROBES[backbone, size].items():
        scores = []
        for params in ({"weights": weights}, {"random_state": 0}):
            features = BackboneFeatures(backbone, layer=layer, input_size=size, **params)
            probe = make_pipeline(
                features, StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)
            )
            scores.append(probe.fit(X, y).score(X_test, y_test))
        assert scores == pytest.approx(expected, abs=0.01)
