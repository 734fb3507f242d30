"""Meta-estimators that encode, binarise or re-score y: supported without a class split."""

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from skfashion import TransferClassifier
from skfashion.model_selection import ClassSplitCV
from tests.class_split import GTE5, LT5

TWO_D_ONLY = {"bagging", "boosting"}

META_ESTIMATORS = {
    "calibration": lambda clf: CalibratedClassifierCV(clf, cv=2),
    "voting": lambda clf: VotingClassifier([("a", clf), ("b", clf)]),
    "soft voting": lambda clf: VotingClassifier([("a", clf), ("b", clf)], voting="soft"),
    "stacking": lambda clf: StackingClassifier([("a", clf)], LogisticRegression(), cv=2),
    "bagging": lambda clf: BaggingClassifier(clf, n_estimators=2, random_state=0),
    "one-vs-rest": OneVsRestClassifier,
    "boosting": lambda clf: AdaBoostClassifier(clf, n_estimators=2, random_state=0),
}


@pytest.fixture
def with_weights(body_path):
    return TransferClassifier(weights=body_path, epochs=10, learning_rate=0.003, random_state=0)


@pytest.mark.parametrize("name", META_ESTIMATORS)
@pytest.mark.parametrize("labels", [np.arange(5), np.array(list("vwxyz"))], ids=["int", "str"])
def test_with_weights_from_a_file(with_weights, lt5, name, labels):
    X, y = lt5
    y = labels[y]
    if name in TWO_D_ONLY:
        X = X.reshape(len(X), -1)
    meta = META_ESTIMATORS[name](with_weights).fit(X, y)
    assert_array_equal(meta.classes_, labels)
    assert meta.score(X, y) > 0.5
    if name != "voting":
        assert meta.predict_proba(X).shape == (100, 5)


def test_cross_val_predict(with_weights, lt5):
    X, y = lt5
    probabilities = cross_val_predict(with_weights, X, y, cv=2, method="predict_proba")
    assert probabilities.shape == (100, 5)
    assert np.mean(cross_val_predict(with_weights, X, y, cv=2) == y) > 0.4


def test_frozen_estimator(fitted, fashion):
    X, y = fashion
    frozen = FrozenEstimator(fitted)
    frozen.fit(X[:1], y[:1])
    assert_array_equal(frozen.predict(X), fitted.predict(X))
    rows = y < 5
    calibrated = CalibratedClassifierCV(frozen).fit(X[rows], y[rows])
    assert calibrated.predict_proba(X).shape == (200, 5)


def test_tuned_threshold_of_two_classes(with_weights, lt5):
    X, y = lt5
    rows = y < 2
    tuned = TunedThresholdClassifierCV(with_weights, cv=2).fit(X[rows], y[rows])
    positive = with_weights.fit(X[rows], y[rows]).predict_proba(X[rows])[:, 1]
    assert_array_equal(tuned.predict(X[rows]), positive >= tuned.best_threshold_)
    assert tuned.score(X[rows], y[rows]) > 0.6


# scikit-learn boosts no pipelines.
@pytest.mark.parametrize(
    ("name", "pipeline"),
    [(n, p) for n in META_ESTIMATORS for p in (False, True) if (n, p) != ("boosting", True)],
)
@pytest.mark.parametrize(
    "labels", [np.arange(10), np.array(list("abcdefghij"))], ids=["int", "str"]
)
def test_class_split_is_an_error_that_points_to_weights(make, fashion, name, pipeline, labels):
    X, y = fashion
    clf = make(pretrain_classes=labels[GTE5], epochs=1)
    clf = make_pipeline(clf) if pipeline else clf
    meta = META_ESTIMATORS[name](clf)
    with pytest.raises(ValueError, match=r"meta-estimator.* pass weights=path"):
        meta.fit(X.reshape(len(X), -1), labels[y])


def test_class_split_is_an_error_in_a_search_over_a_meta_estimator(make, fashion):
    X, y = fashion
    search = GridSearchCV(
        VotingClassifier([("a", make(pretrain_classes=GTE5))]),
        {"a__epochs": [1]},
        cv=ClassSplitCV(2, pretrain_classes=GTE5),
        error_score="raise",
    )
    with pytest.raises(ValueError, match="pass weights=path"):
        search.fit(X, y)


def test_self_training_and_several_outputs(with_weights, lt5):
    X, y = lt5
    X = X.reshape(len(X), -1)
    trained = SelfTrainingClassifier(with_weights, max_iter=1).fit(X, np.where(y == 0, -1, y))
    assert_array_equal(trained.classes_, [1, 2, 3, 4])
    outputs = MultiOutputClassifier(with_weights).fit(X, np.stack([y, y > 2], axis=1))
    assert np.mean(outputs.predict(X)[:, 1] == (y > 2)) > 0.5


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"pretrain_classes": GTE5},
            "pretrain_classes is set.* leave out pretrain_classes, .* pass",
        ),
        ({"target_classes": LT5}, r"target_classes is set.* leave out target_classes, .* task\.$"),
        (
            {"pretrain_classes": GTE5, "target_classes": LT5},
            "pretrain_classes and target_classes are set.* leave out pretrain_classes and target_",
        ),
    ],
    ids=["source", "target", "both"],
)
@pytest.mark.parametrize("name", ["soft voting", "bagging", "self-training", "several outputs"])
def test_each_parameter_of_a_class_split_is_an_error(make, fashion, name, params, message):
    X, y = fashion
    others = {
        "self-training": SelfTrainingClassifier,
        "several outputs": MultiOutputClassifier,
    }
    labels = {"self-training": np.r_[-1, y[1:]], "several outputs": np.stack([y, y], axis=1)}
    meta = {**META_ESTIMATORS, **others}[name](make(epochs=0, pretrain_epochs=0, **params))
    with pytest.raises(ValueError, match=message):
        meta.fit(X.reshape(len(X), -1), labels.get(name, y))


# The stack of a thread does not have the caller either; to start a process takes seconds.
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize(
    ("params", "remedy"),
    [
        ({"pretrain_classes": GTE5}, "pass weights=path"),
        ({"target_classes": LT5}, "leave out target_classes"),
    ],
    ids=["source", "target"],
)
def test_class_split_is_an_error_in_cross_val_predict(make, fashion, params, remedy, n_jobs):
    clf = make(epochs=0, pretrain_epochs=0, **params)
    with parallel_config("threading"), pytest.raises(ValueError, match=remedy):
        cross_val_predict(clf, *fashion, cv=2, n_jobs=n_jobs, method="predict_proba")


def test_class_split_is_an_error_in_tuned_threshold(make, fashion):
    X, y = fashion
    rows = np.isin(y, [0, 1, 8, 9])
    tuned = TunedThresholdClassifierCV(make(pretrain_classes=[8, 9]))
    with pytest.raises(ValueError, match="Only binary classification"):
        tuned.fit(X[rows], y[rows])
