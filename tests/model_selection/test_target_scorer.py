"""target_scorer: any scorer, on the target rows."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import (
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skfashion.model_selection import target_scorer
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
