"""Functions of batches are traced at their first use, once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import BackboneFeatures, memory_report
from skfashion._backbones.registry import get_backbone
from skfashion._networks import batch_function, network, pooled_features
from skfashion._networks.architecture import BodyArchitecture
from skfashion._networks.batch_function import run_batches
from skfashion._networks.body import Body


@pytest.fixture
def traced(monkeypatch):
    """Return a list that grows by one with each function that is traced."""
    counted, trace = [], batch_function.trace

    def count_and_trace(function, *signature):
        counted.append(function)
        return trace(function, *signature)

    monkeypatch.setattr(batch_function, "trace", count_and_trace)
    return counted


@pytest.fixture(autouse=True)
def forget_networks(traced):
    """Return a function after which nothing is built or counted. It is called before each test."""

    def forget():
        network.build_network.cache_clear()
        pooled_features.build_pooled_features.cache_clear()
        pooled_features.get_body.cache_clear()
        traced.clear()

    forget()
    return forget


def test_a_fit_that_finds_all_features_traces_no_frozen_part(
    make, lt5, body_path, tmp_path, traced, assert_same, forget_networks
):
    X, y = lt5

    def fit(learning_rate, memory=None):
        params = {"weights": body_path, "freeze_until": "features", "memory": memory}
        return make(learning_rate=learning_rate, **params).fit(X, y)

    expected, others = fit(0.02), X[:, ::-1]
    probabilities = [expected.predict_proba(rows) for rows in (X, others)]
    fit(0.01, tmp_path)
    forget_networks()
    clf = fit(0.02, tmp_path)
    assert memory_report(tmp_path)["rows_found"] == len(X)
    assert not traced
    assert_same(clf, expected)
    assert_array_equal(clf.predict_proba(X), probabilities[0])
    assert len(traced) == 1  # the head
    assert_array_equal(clf.predict_proba(others), probabilities[1])
    assert len(traced) > 1


@pytest.mark.parametrize("pooling", ["average", "flatten"])
def test_features_that_are_all_found_trace_nothing(lt5, tmp_path, traced, pooling, forget_networks):
    X = lt5[0]
    features = BackboneFeatures(layer="conv2", pooling=pooling, random_state=0, memory=tmp_path)
    expected = features.fit_transform(X)
    assert traced
    forget_networks()
    assert_array_equal(features.fit_transform(X), expected)
    assert not traced
    features.transform(X[:, ::-1])
    assert traced


def test_threads_that_begin_together_trace_a_function_once(lt5, traced):
    X = lt5[0][..., None]
    body = Body(BodyArchitecture(get_backbone("small_cnn"), X.shape[1:], None, "float32"))
    rng = np.random.default_rng(0)
    weights = {v.path: rng.standard_normal(v.shape, "float32") for v in body.body.weights}
    function = body.function_between(body.images, body.end)
    assert not traced
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: run_batches([function], weights, X), range(4))
    assert len(traced) == 1
    for each in others:
        assert_array_equal(each, first)
