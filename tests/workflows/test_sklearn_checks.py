"""The whole of scikit-learn's check suite, every status asserted."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import (
    check_estimator,
    check_param_validation,
    estimator_checks_generator,
    parametrize_with_checks,
)

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample

# scikit-learn 1.9.1 runs this many on a classifier of this kind. A suite that quietly returns
# early would have fewer.
N_CHECKS = 63

EXPECTED_OF_DEFAULT = {
    "check_sample_weight_equivalence_on_dense_data": (
        "dropout and float32: rows repeated and rows weighted draw other masks and round otherwise"
    ),
}


def deterministic(**params):
    return TransferClassifier(
        epochs=20,
        batch_size=1000,
        learning_rate=0.01,
        dropout=0.0,
        feature_dropout=0.0,
        dtype="float64",
        random_state=0,
        **params,
    )


def started_from_a_probe():
    return deterministic(freeze_until="features", head_init="probe", hidden_units=0)


@parametrize_with_checks([deterministic(), started_from_a_probe()])
def test_deterministic_instance_passes(estimator, check):
    check(estimator)


@pytest.mark.parametrize("build", [deterministic, started_from_a_probe])
def test_suite_is_complete(build):
    assert len(list(estimator_checks_generator(build()))) == N_CHECKS


@pytest.mark.slow  # its fits have 50 epochs; the next test is the check that few epochs failed
def test_default_instance_fails_only_what_is_listed():
    results = check_estimator(TransferClassifier(), on_fail=None, on_skip=None)
    assert len(results) == N_CHECKS
    failed = {result["check_name"] for result in results if result["status"] != "passed"}
    assert failed == set(EXPECTED_OF_DEFAULT)


def test_default_instance_learns_from_200_rows():
    checks = [
        (estimator, check)
        for estimator, check in estimator_checks_generator(TransferClassifier())
        if check.func.__name__ == "check_classifiers_train"
    ]
    assert len(checks) == 3
    estimator, check = checks[0]
    check(estimator)


def test_no_tag_excuses_anything():
    tags = TransferClassifier().__sklearn_tags__()
    assert tags.input_tags.two_d_array
    assert not tags.non_deterministic
    assert not tags.classifier_tags.poor_score
    assert not tags.no_validation


def test_parameters_are_validated_by_scikit_learn():
    check_param_validation("TransferClassifier", deterministic())


@pytest.mark.parametrize("name", sorted(EXPECTED_OF_DEFAULT))
def test_expected_failures_are_checks_that_exist(name):
    names = {check.func.__name__ for _, check in estimator_checks_generator(TransferClassifier())}
    assert name in names


@pytest.fixture(scope="module")
def mobilenet_body(tmp_path_factory):
    """A body whose batch statistics are those of real images: at random, next to nothing of what
    an image differs in comes through to the last of fifty layers."""
    X, y = load_fashion_sample(return_X_y=True)
    path = tmp_path_factory.mktemp("weights") / "mobilenet_v2.weights.h5"
    source = TransferClassifier("mobilenet_v2", epochs=6, batch_size=32, random_state=0)
    source.fit(X[:1500], y[:1500]).save_backbone_weights(path)
    return path


@pytest.mark.slow
def test_a_frozen_mobilenet_passes(mobilenet_body):
    """Batch statistics of rows that are repeated and of rows that are weighted differ, so the body
    is frozen; its head passes all there is."""
    estimator = TransferClassifier(
        "mobilenet_v2",
        weights=mobilenet_body,
        freeze_until="features",
        hidden_units=0,
        epochs=300,
        batch_size=1000,
        learning_rate=0.1,
        schedule="constant",
        warmup=0.0,
        clip_norm=np.inf,
        dropout=0.0,
        feature_dropout=0.0,
        dtype="float64",
        random_state=0,
    )
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert len(results) == N_CHECKS
    assert {r["check_name"] for r in results if r["status"] != "passed"} == set()
