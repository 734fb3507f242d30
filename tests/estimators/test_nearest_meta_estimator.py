"""The nearest meta-estimator decides whether a class split is refused."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from skfashion import TransferClassifier

SOURCE = [5, 6, 7, 8, 9]
QUICK = {"pretrain_epochs": 1, "epochs": 1, "random_state": 0, "hidden_units": 8}


class PretrainsItself(ClassifierMixin, BaseEstimator):
    """A user's wrapper: it pretrains on images that it holds, and fits what it is given.

    The labels that it is given may be encoded or binary.
    """

    def __init__(self, images=None, labels=None, folder=None, search=False):
        self.images = images
        self.labels = labels
        self.folder = folder
        self.search = search

    def fit(self, X, y):
        path = self.folder / f"{np.random.default_rng().integers(2**32)}.weights.h5"
        source = TransferClassifier(pretrain_classes=SOURCE, **QUICK)
        if self.search:
            source = GridSearchCV(source, {"epochs": [1]}, cv=2)
        self._pretrain(make_pipeline(source)).save_backbone_weights(path)
        self.classifier_ = TransferClassifier(weights=path, **QUICK).fit(X, y)
        self.classes_ = self.classifier_.classes_
        return self

    def _pretrain(self, pipeline):
        fitted = pipeline.fit(self.images, self.labels)[-1]
        return getattr(fitted, "best_estimator_", fitted)

    def predict(self, X):
        return self.classifier_.predict(X)

    def predict_proba(self, X):
        return self.classifier_.predict_proba(X)


class UserClassifier(TransferClassifier):
    """A user's subclass, which passes labels on."""

    def fit(self, X, y):
        return super().fit(X, y)


class UserPipeline(Pipeline):
    """A pipeline of another library, which passes labels on."""

    def fit(self, X, y):
        return super().fit(X, y)


META_ESTIMATORS = {
    "bagging": lambda clf: BaggingClassifier(clf, n_estimators=2, random_state=0),
    "voting": lambda clf: VotingClassifier([("a", clf)]),
    "stacking": lambda clf: StackingClassifier([("a", clf)], LogisticRegression(), cv=2),
    "one-vs-rest": OneVsRestClassifier,
}


@pytest.mark.parametrize(
    ("name", "search"), [*((name, False) for name in META_ESTIMATORS), ("bagging", True)]
)
def test_a_wrapper_that_pretrains_itself_may_be_inside(name, search, fashion, lt5, tmp_path):
    X, y = lt5
    X = X.reshape(len(X), -1)
    meta = META_ESTIMATORS[name](PretrainsItself(*fashion, tmp_path, search)).fit(X, y)
    np.testing.assert_array_equal(meta.classes_, np.unique(y))
    assert meta.predict(X).shape == y.shape


def test_a_wrapper_that_pretrains_itself_may_be_cross_validated(fashion, lt5, tmp_path):
    predicted = cross_val_predict(PretrainsItself(*fashion, tmp_path), *lt5, cv=2)
    assert set(predicted) <= set(range(5))


@pytest.mark.parametrize("name", META_ESTIMATORS)
@pytest.mark.parametrize("classifier", [TransferClassifier, UserClassifier])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_what_passes_labels_on_is_still_refused(name, classifier, in_pipeline, fashion):
    X, y = fashion
    clf = classifier(pretrain_classes=SOURCE)
    meta = META_ESTIMATORS[name](UserPipeline([("clf", clf)]) if in_pipeline else clf)
    with pytest.raises(ValueError, match=r"meta-estimator.* pass weights=path"):
        meta.fit(X.reshape(len(X), -1), y)


def test_a_meta_estimator_inside_a_wrapper_is_still_refused(fashion):
    class Wrapper(BaseEstimator):
        def fit(self, X, y):
            return VotingClassifier([("a", TransferClassifier(pretrain_classes=SOURCE))]).fit(X, y)

    with pytest.raises(ValueError, match="pass weights=path"):
        Wrapper().fit(*fashion)
