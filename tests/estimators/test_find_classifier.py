"""The classifier is found in pipelines, searches and wrappers, by one way of stepping inwards."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skfashion import TransferClassifier
from skfashion._estimators.find_classifier import (
    changes_images,
    classifier_input,
    find_classifier,
    fitted_classifier,
    fitted_steps,
    iterate_parts,
)

CLF = TransferClassifier()
STEP = FunctionTransformer()
SEARCH = GridSearchCV(Pipeline([("scale", STEP), ("clf", CLF)]), {"clf__epochs": [1]})


@pytest.mark.parametrize(
    ("estimator", "prefix"),
    [
        (CLF, ""),
        (Pipeline([("scale", STEP), ("clf", CLF)]), "clf__"),
        (Pipeline([("outer", Pipeline([("clf", CLF)]))]), "outer__clf__"),
        (SEARCH, "estimator__clf__"),
        (Pipeline([("search", SEARCH)]), "search__estimator__clf__"),
    ],
)
def test_the_prefix_reaches_the_parameters_of_the_classifier(estimator, prefix):
    classifier, found = find_classifier(estimator)
    assert (classifier, found) == (CLF, prefix)
    assert estimator.get_params()[f"{prefix}epochs"] == CLF.epochs


@pytest.mark.parametrize(
    "estimator",
    [SVC(), Pipeline([("clf", CLF), ("svm", SVC())]), LogisticRegressionCV(refit=False), "none"],
)
def test_without_a_classifier_at_the_end(estimator):
    assert find_classifier(estimator) == (None, "")
    with pytest.raises(TypeError, match=r"this scores a fitted TransferClassifier, alone .* got"):
        fitted_classifier(estimator, rule="this scores")


def test_the_fitted_classifier_of_a_search_is_the_best(fitted):
    search = GridSearchCV(CLF, {"epochs": [1]})
    with pytest.raises(NotFittedError):
        fitted_classifier(search)
    search.best_estimator_ = make_pipeline(fitted)
    assert fitted_classifier(search) is fitted
    assert fitted_classifier(FrozenEstimator(fitted)) is fitted
    without_best = GridSearchCV(fitted, {"epochs": [1]}, refit=False)
    with pytest.raises(NotFittedError, match=r"GridSearchCV has no best estimator\. Call fit"):
        fitted_classifier(without_best)


def test_what_changes_predictions_has_no_classifier_at_its_end(fitted):
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted))
    for estimator in (calibrated, make_pipeline(STEP, calibrated)):
        with pytest.raises(TypeError, match=r"alone or at the end of a pipeline or search, got"):
            fitted_classifier(estimator)
        assert fitted_classifier(estimator, inside_others=True) is fitted
    assert fitted_steps(make_pipeline(STEP, calibrated))[-1][1] is fitted
    unfrozen = CalibratedClassifierCV(fitted)
    assert fitted_steps(make_pipeline(STEP, unfrozen))[-1][1] is unfrozen
    assert fitted_steps(make_pipeline(STEP, FrozenEstimator(fitted)))[-1][1] is fitted


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (CLF, False),
        (SEARCH, True),
        (Pipeline([("none", None), ("pass", "passthrough"), ("clf", CLF)]), False),
        (Pipeline([("outer", Pipeline([("scale", STEP), ("clf", CLF)]))]), True),
    ],
)
def test_steps_before_the_classifier_change_images(estimator, expected):
    assert changes_images(estimator) is expected


@pytest.mark.parametrize(("step", "expected"), [(STEP, True), ("passthrough", False)])
def test_the_steps_of_a_fitted_search_are_those_of_its_best_estimator(step, expected):
    other = STEP if step == "passthrough" else "passthrough"
    search = GridSearchCV(Pipeline([("prep", other), ("clf", CLF)]), {"prep": [step]})
    search.best_estimator_ = Pipeline([("prep", step), ("clf", CLF)])
    assert changes_images(search, fitted=True) is expected
    assert changes_images(search) is not expected


def test_the_classifier_gets_what_the_steps_before_it_make_of_the_input():
    negate, halve = FunctionTransformer(np.negative), FunctionTransformer(lambda X: X / 2)
    search = GridSearchCV(CLF, {"epochs": [1]})
    search.best_estimator_ = make_pipeline(None, negate, make_pipeline("passthrough", halve, CLF))
    X = np.ones((2, 64))
    assert classifier_input(CLF, X) is X
    assert classifier_input(make_pipeline(CLF), X) is X
    np.testing.assert_array_equal(classifier_input(search, X), X / -2)


def test_parts_are_all_steps():
    pipeline = SEARCH.estimator
    assert list(iterate_parts(SEARCH)) == [SEARCH, pipeline, STEP, CLF]
