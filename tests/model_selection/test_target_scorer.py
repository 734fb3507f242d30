"""target_scorer: any scorer, on the target rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, f1_score, fbeta_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skfashion.model_selection import ClassSplitCV, target_scorer
from tests.class_split import GTE5


def test_target_scorer_leaves_out_source_rows(fitted, fashion):
    images, y = fashion
    rows = y < 5
    expected = f1_score(y[rows], fitted.predict(images[rows]), average="macro")
    assert target_scorer("f1_macro")(fitted, images, y) == expected
    assert target_scorer(make_scorer(accuracy_score))(fitted, images, y) == fitted.score(images, y)

    def error(estimator, X, y):
        return -float(np.mean(estimator.predict(X) != y))

    assert target_scorer(error)(fitted, images, y) == pytest.approx(fitted.score(images, y) - 1)


def test_target_scorer_cuts_weights_too(fitted, fashion):
    images, y = fashion
    weight = np.linspace(0.1, 1, len(y))
    scorer = target_scorer("accuracy")
    expected = fitted.score(images, y, sample_weight=weight)
    assert scorer(fitted, images, y, sample_weight=weight) == pytest.approx(expected)


def test_target_scorer_finds_the_classifier_in_a_pipeline(fitted, fashion):
    images, y = fashion
    pipe = make_pipeline(FunctionTransformer(), fitted)
    assert target_scorer("accuracy")(pipe, images, y) == fitted.score(images, y)


def test_target_scorer_says_what_it_needs(fashion):
    images, y = fashion
    flat = images.reshape(len(images), -1)
    with pytest.raises(TypeError, match=r"scores a fitted TransferClassifier.* got SVC"):
        target_scorer("accuracy")(SVC().fit(flat, y), flat, y)
    with pytest.raises(ValueError, match="accuracyy"):
        target_scorer("accuracyy")


def test_plain_functions_score_under_metadata_routing(make, fashion):
    def accuracy(estimator, X, y):
        return float(np.mean(estimator.predict(X) == y))

    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            make(pretrain_classes=GTE5, epochs=1),
            *fashion,
            cv=2,
            scoring=target_scorer(accuracy),
            error_score="raise",
        )
    assert np.isfinite(scores).all()
    with pytest.raises(ValueError, match="target_scorer needs a name"):
        target_scorer(None)


def test_metadata_without_rows_reach_the_scorer(fitted, fashion):
    images, y = fashion
    rows = y < 5
    expected = fbeta_score(y[rows], fitted.predict(images[rows]), beta=2.0, average="macro")
    scorer = target_scorer(make_scorer(fbeta_score, average="macro"))
    with config_context(enable_metadata_routing=True):
        scorer.set_score_request(beta=True)
        assert scorer(fitted, images, y, beta=2.0) == expected


def test_the_classifier_may_be_calibrated(fitted, fashion):
    images, y = fashion
    rows = y < 5
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(images[rows], y[rows])
    expected = accuracy_score(y[rows], calibrated.predict(images[rows]))
    assert target_scorer("accuracy")(calibrated, images, y) == expected


@pytest.mark.parametrize(
    "scoring",
    [
        target_scorer("accuracy"),
        {"accuracy": target_scorer("accuracy"), "f1": target_scorer("f1_macro")},
    ],
    ids=["one", "several"],
)
def test_weights_of_a_search_reach_the_scorers(make, fashion, scoring):
    X, y = fashion
    weight = np.where(np.arange(len(y)) % 3, 0.2, 5.0)
    cv = ClassSplitCV(2, pretrain_classes=GTE5)
    params = {"cv": cv, "refit": False, "error_score": "raise"}
    clf = make(pretrain_classes=GTE5, epochs=1)
    search = GridSearchCV(clf, {"epochs": [1]}, scoring=scoring, **params)
    expected = GridSearchCV(clf, {"epochs": [1]}, **params)
    for each in (search, expected):
        each.fit(X, y, sample_weight=weight)
    name = "mean_test_score" if callable(scoring) else "mean_test_accuracy"
    assert_allclose(search.cv_results_[name], expected.cv_results_["mean_test_score"])
