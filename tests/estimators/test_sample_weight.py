"""Weights of rows and of classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.class_split import GTE5


def test_rows_of_weight_zero_are_as_good_as_absent(make, fashion):
    X, y = fashion
    weight = np.tile([1.0, 0.0], 100)
    X_far = np.where(weight[:, None, None] == 0, 0, X).astype(np.float64)
    X_far[weight == 0] = 1e6
    clf = make(pretrain_classes=GTE5).fit(X_far, y, sample_weight=weight)
    assert clf.pixel_range_ == (0, 255)
    keep = weight > 0
    absent = make(pretrain_classes=GTE5).fit(X_far[keep], y[keep])
    assert_array_equal(clf.predict_proba(X), absent.predict_proba(X))


def test_scale_of_weights_does_not_matter(make, lt5):
    X, y = lt5
    weight = np.arange(1.0, 101.0)
    one = make().fit(X, y, sample_weight=weight)
    ten = make().fit(X, y, sample_weight=weight * 16)
    assert_array_equal(one.predict_proba(X), ten.predict_proba(X))


def test_sample_weight_equals_repetition_in_both_phases(make, fashion):
    X, y = fashion
    weight = np.tile([1, 2, 3, 1], 50)
    exact = {
        "pretrain_classes": GTE5,
        "dtype": "float64",
        "dropout": 0,
        "feature_dropout": 0,
        "batch_size": 1000,
        "class_weight": "balanced",
    }
    weighted = make(**exact).fit(X, y, sample_weight=weight)
    repeated = make(**exact).fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-6)


def test_class_weight_moves_predictions_and_may_name_both_tasks(make, fashion):
    X, y = fashion
    heavy = dict.fromkeys(range(10), 1.0) | {2: 1000.0}
    clf = make(pretrain_classes=GTE5, class_weight=heavy).fit(X, y)
    assert np.mean(clf.predict(X) == 2) > 0.9


def test_balanced_is_computed_in_each_phase(make, fashion):
    X, y = fashion
    rows = np.flatnonzero((y != 2) | (np.arange(len(y)) < 60))
    balanced = make(pretrain_classes=GTE5, class_weight="balanced").fit(X[rows], y[rows])
    plain = make(pretrain_classes=GTE5).fit(X[rows], y[rows])
    assert balanced.pretrain_history_["loss"] == plain.pretrain_history_["loss"]
    assert balanced.history_["loss"] != plain.history_["loss"]


def test_digit_strings_as_labels_and_in_class_weight(make, lt5):
    X, y = lt5
    clf = make(class_weight={"1": 1000.0}).fit(X, y.astype(str))
    assert np.mean(clf.predict(X) == "1") > 0.9


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_class_weight_must_be_a_weight(make, lt5, weight):
    with pytest.raises(
        ValueError, match=r"class_weight\[1\] must be a number from 0 to 1e\+15, got"
    ):
        make(class_weight={1: weight}).fit(*lt5)


def test_class_weight_must_leave_something(make, lt5):
    with pytest.raises(
        ValueError,
        match=r"class_weight=\{0: 0\.0, .* gives weight zero to all rows .* \[0, 1, 2, 3, 4\]",
    ):
        make(class_weight=dict.fromkeys(range(5), 0.0)).fit(*lt5)


def test_balanced_batches_that_lack_classes(make, lt5):
    X, y = lt5
    clf = make(class_weight="balanced").partial_fit(X[y < 2], y[y < 2], classes=range(5))
    assert np.isfinite(clf.history_["loss"]).all()


def test_a_number_as_sample_weight(make, lt5):
    assert_array_equal(
        make().fit(*lt5, sample_weight=2.0).predict_proba(lt5[0]),
        make().fit(*lt5).predict_proba(lt5[0]),
    )
