"""The linear probe: scikit-learn's logistic regression, as kernel and bias of an output layer."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion._training.head_probe import PRIOR_VARIANCE, LinearProbe, cross_validated_loss

N_FEATURES = 7


@pytest.fixture
def data():
    """Three classes that overlap, in features of different scales."""
    rng = np.random.default_rng(0)
    targets = rng.permutation(np.repeat([0, 1, 2], [40, 30, 20]))
    features = rng.normal(size=(90, N_FEATURES)) + rng.normal(size=(3, N_FEATURES))[targets]
    weights = rng.integers(1, 4, 90).astype(float)
    return features * 10.0 ** np.linspace(-1, 2, N_FEATURES) + 5.0, targets, weights


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def pipeline_proba(features, targets, weights):
    """Return what scikit-learn predicts from standardised features."""
    pipeline = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=PRIOR_VARIANCE / features.shape[1], tol=1e-10, max_iter=10_000),
    )
    fit_params = {
        "standardscaler__sample_weight": weights,
        "logisticregression__sample_weight": weights,
    }
    return pipeline.fit(features, targets, **fit_params).predict_proba(features)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_is_the_pipeline_of_scikit_learn(data, n_classes, weighted):
    features, targets, weights = (array[data[1] < n_classes] for array in data)
    weights = weights if weighted else np.ones(len(weights))
    probe = LinearProbe(features, targets, weights, n_classes)
    expected = pipeline_proba(features, targets, weights)
    assert probe.kernel.shape == (N_FEATURES, n_classes)
    assert_allclose(softmax(probe.logits(features)), expected, atol=1e-6)


def test_weights_matter(data):
    features, targets, weights = data
    weighted = LinearProbe(features, targets, weights, 3)
    plain = LinearProbe(features, targets, np.ones(90), 3)
    assert not np.allclose(weighted.kernel, plain.kernel, rtol=1e-2)


def test_single_precision_is_near_double(data):
    features, targets, weights = data
    double = LinearProbe(features, targets, weights, 3)
    single = LinearProbe(features.astype(np.float32), targets, weights, 3)
    assert_allclose(softmax(single.logits(features)), softmax(double.logits(features)), atol=1e-2)


@pytest.mark.parametrize("gaps", [[1], [0, 3]])
def test_a_class_without_rows_keeps_zeros_and_changes_no_other(data, gaps):
    features, targets, weights = data
    n_classes = 3 + len(gaps)
    present = np.setdiff1d(np.arange(n_classes), gaps)
    probe = LinearProbe(features, present[targets], weights, n_classes)
    without = LinearProbe(features, targets, weights, 3)
    assert_array_equal(probe.kernel[:, gaps], 0)
    assert_array_equal(probe.bias[gaps], 0)
    assert_array_equal(probe.kernel[:, present], without.kernel)
    assert_array_equal(probe.bias[present], without.bias)


def test_two_classes_of_three(data):
    features, targets, weights = (array[data[1] < 2] for array in data)
    of_three = LinearProbe(features, targets * 2, weights, 3)
    of_two = LinearProbe(features, targets, weights, 2)
    assert_array_equal(of_three.kernel[:, [0, 2]], of_two.kernel)
    assert_array_equal(of_three.kernel[:, 1], 0)


def test_one_class_gives_zeros(data):
    features, _, weights = data
    probe = LinearProbe(features, np.ones(90, int), weights, 3)
    assert not probe.kernel.any()
    assert not probe.bias.any()


@pytest.mark.parametrize("constant", [0.0, 3.7, 1e5])
@pytest.mark.parametrize("float_type", [np.float32, np.float64])
def test_a_constant_feature_changes_nothing(data, constant, float_type):
    features, targets, weights = data
    features = features.astype(float_type)
    column = np.full((90, 1), constant, float_type)
    probe = LinearProbe(np.hstack([features, column]), targets, weights, 3)
    assert np.isfinite(probe.kernel).all()
    expected = pipeline_proba(np.hstack([features, column]), targets, weights)
    logits = probe.logits(np.hstack([features, column]).astype(float))
    assert_allclose(softmax(logits), expected, atol=1e-6 if float_type is np.float64 else 1e-2)
    assert_allclose(probe.kernel[-1], 0, atol=1e-6)


@pytest.mark.parametrize("float_type", [np.float32, np.float64])
def test_a_small_spread_is_standardised_and_rounding_is_not(data, float_type):
    features, targets, weights = data
    rng = np.random.default_rng(0)
    informative = 1e4 + targets[:, None] + rng.normal(size=(90, 1))
    features = np.hstack([features, informative]).astype(float_type)
    probe = LinearProbe(features, targets, weights, 3)
    expected = pipeline_proba(features, targets, weights)
    logits = probe.logits(features.astype(float))
    assert_allclose(softmax(logits), expected, atol=1e-6 if float_type is np.float64 else 1e-2)
    without = pipeline_proba(features[:, :-1], targets, weights)
    assert np.abs(expected - without).max() > 0.05
    constant = np.full(90, 1e4, float_type)
    features[:, -1] = np.where(rng.random(90) < 0.5, constant, np.nextafter(constant, 0))
    assert_allclose(LinearProbe(features, targets, weights, 3).kernel[-1], 0, atol=0.1)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("float_type", [np.float32, np.float64])
def test_the_scale_of_features_does_not_matter(data, scale, float_type):
    features, targets, weights = data
    features = features.astype(float_type)
    plain = LinearProbe(features, targets, weights, 3)
    scaled = LinearProbe((features * scale).astype(float_type), targets, weights, 3)
    assert_allclose(
        softmax(scaled.logits(features.astype(float) * scale)),
        softmax(plain.logits(features.astype(float))),
        atol=1e-3,
    )


def test_rows_that_are_repeated_are_rows_with_weights(data):
    features, targets, weights = data
    counts = weights.astype(int)
    repeated = LinearProbe(
        np.repeat(features, counts, axis=0),
        np.repeat(targets, counts),
        np.ones(counts.sum()),
        3,
    )
    weighted = LinearProbe(features, targets, weights, 3)
    scale = features.std(axis=0)[:, None]
    assert_allclose(repeated.kernel * scale, weighted.kernel * scale, rtol=1e-6, atol=1e-7)
    assert_allclose(repeated.bias, weighted.bias, rtol=1e-6, atol=1e-7)


# -- Cross-validation --------------------------------------------------------------------------


def test_the_loss_is_lower_where_features_tell_classes_apart(data):
    features, targets, weights = data
    noise = np.random.default_rng(1).normal(size=features.shape)
    loss, loss_of_noise = (
        cross_validated_loss(each, targets, weights, 3, seed=0) for each in (features, noise)
    )
    assert loss < 0.9 < loss_of_noise
    assert loss == cross_validated_loss(features, targets, weights, 3, seed=0)


def test_the_loss_is_of_rows_that_the_probe_did_not_see(data):
    features, _, weights = data
    # As many features as rows tell any labels apart, of rows that were seen.
    rng = np.random.default_rng(2)
    features, targets = rng.normal(size=(90, 90)), rng.permutation(np.repeat([0, 1, 2], 30))
    seen = LinearProbe(features, targets, weights, 3)
    probabilities = softmax(seen.logits(features))[np.arange(90), targets]
    assert -np.log(probabilities).mean() < 0.5
    assert cross_validated_loss(features, targets, weights, 3, seed=0) > 1.1


def test_the_loss_is_weighted_and_takes_as_many_folds_as_a_class_has_rows(data):
    features, targets, weights = data
    rare = np.flatnonzero(targets == 2)[2:]
    features, targets, weights = (np.delete(array, rare, axis=0) for array in data)
    loss = cross_validated_loss(features, targets, weights, 3, seed=0)
    heavy = np.where(targets == 2, 100.0, weights)
    assert np.isfinite(loss)
    losses = np.empty(len(targets))
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    for train, test in folds.split(features, targets):
        probe = LinearProbe(features[train], targets[train], heavy[train], 3, 1e-3)
        probabilities = softmax(probe.logits(features[test]))
        losses[test] = -np.log(probabilities[np.arange(len(test)), targets[test]])
    expected = np.average(losses, weights=heavy)
    assert cross_validated_loss(features, targets, heavy, 3, seed=0) == pytest.approx(expected)
    assert expected != pytest.approx(losses.mean())


@pytest.mark.parametrize("scale", [1e-9, 1 / 60, 0.5])
def test_weights_as_shares_count_as_rows(data, scale):
    features, targets, weights = data
    weights = weights / weights.mean()
    probe, scaled = (
        LinearProbe(features, targets, factor * weights, 3).kernel for factor in (1.0, scale)
    )
    assert_allclose(scaled, probe, rtol=1e-6, atol=1e-9)
