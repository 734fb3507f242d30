"""Further fits of one estimator: warm_start and partial_fit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.utils._param_validation import InvalidParameterError

from tests.class_split import GTE5
from tests.residual import RESIDUAL


def test_warm_start_goes_on_without_pretraining(make, fashion, weights_of):
    X, y = fashion
    clf = make(pretrain_classes=GTE5, warm_start=True, verbose=0).fit(X, y)
    pretrained = dict(clf.pretrain_history_)
    body = weights_of(clf)["conv1/kernel"]
    clf.set_params(freeze_until=None, epochs=3).fit(X, y)
    assert clf.n_iter_ == 5
    assert len(clf.history_["loss"]) == 5
    assert clf.pretrain_history_ == pretrained
    assert clf.freeze_point_ is None
    assert not np.array_equal(weights_of(clf)["conv1/kernel"], body)
    clf.fit(X[y < 5], y[y < 5])
    assert clf.n_iter_ == 8


@pytest.mark.parametrize(
    ("backbone", "change", "message"),
    [
        ("small_cnn", {"hidden_units": 7}, "network of the first fit"),
        ("small_cnn", {"input_size": 12}, "network of the first fit"),
        # Its weights fit images of any size.
        (RESIDUAL, {"input_size": 28}, "network of the first fit"),
        ("small_cnn", {"image_shape": (7, 28)}, r"image shape of the first fit, \(14, 14, 1\)"),
        ("small_cnn", {"resize": "pad"}, r"resize='crop' .* the first fit, but resize='pad'"),
        ("small_cnn", {"reduced_decoding": False}, "but resize='crop' and reduced_decoding=False"),
    ],
)
def test_warm_start_keeps_the_network(make, lt5, backbone, change, message):
    clf = make(backbone=backbone, warm_start=True).fit(*lt5)
    before = clf.predict_proba(lt5[0])
    with pytest.raises(ValueError, match=message):
        clf.set_params(**change).fit(*lt5)
    assert_array_equal(clf.predict_proba(lt5[0]), before)


def test_warm_start_keeps_classes_and_shape(make, fashion, lt5):
    clf = make(warm_start=True).fit(*lt5)
    with pytest.raises(ValueError, match=r"classes of the first fit, \[0, 1, 2, 3, 4\], but y has"):
        clf.fit(*fashion)
    with pytest.raises(ValueError, match=r"but target_classes=\[0, 1\]. Fit a new estimator"):
        clf.set_params(target_classes=[0, 1]).fit(*lt5)
    clf.set_params(target_classes=None)
    with pytest.raises(ValueError, match=r"shape \(13, 14, 1\), but .* fitted on .* \(14, 14, 1\)"):
        clf.fit(lt5[0][:, 1:], lt5[1])


def test_another_network_is_refused_before_a_checkpoint_is_tried(make, lt5, tmp_path):
    clf = make(warm_start=True).fit(*lt5)
    folder = tmp_path / "checkpoints"
    with pytest.raises(ValueError, match="network of the first fit"):
        clf.set_params(hidden_units=7, checkpoint=folder).fit(*lt5)
    assert not folder.exists()


@pytest.mark.parametrize("change", [None, "body.weights.h5"])
def test_a_further_fit_resolves_auto_as_the_first_one_did(
    make, lt5, residual_path, change, assert_same
):
    first = residual_path if change is None else None
    params = {"backbone": RESIDUAL, "hidden_units": 8, "epochs": 1, "body_until": None}
    clf, same = (
        make(weights=first, head_init="random", warm_start=True, **params).fit(*lt5)
        for _ in range(2)
    )
    assert clf.freeze_point_ == (None if first is None else RESIDUAL.default_freeze)
    assert_same(clf.set_params(weights=change).fit(*lt5), same.fit(*lt5), lt5[0])


def test_partial_fit_equals_fit(make, fashion):
    X, y = fashion
    whole = make(pretrain_classes=GTE5, epochs=3).fit(X, y)
    clf = make(pretrain_classes=GTE5)
    for _ in range(3):
        clf.partial_fit(X, y, classes=[0, 1, 2, 3, 4])
    assert_array_equal(clf.predict_proba(X), whole.predict_proba(X))
    assert clf.history_["loss"] == whole.history_["loss"]
    assert clf.n_iter_ == 3


def test_partial_fit_batches_may_lack_classes(make, fashion):
    X, y = fashion
    clf = make().partial_fit(X[y < 2], y[y < 2], classes=range(10))
    clf.partial_fit(X[y > 7], y[y > 7])
    assert_array_equal(clf.classes_, range(10))
    assert clf.n_iter_ == 2


@pytest.mark.parametrize(
    ("params", "classes", "message"),
    [
        ({}, None, "classes must be passed on the first call"),
        ({"early_stopping": True}, [0, 1, 2, 3, 4], "cannot stop early"),
        ({}, [0, 1, 2], r"labels that classes lacks: \[3, 4\]"),
        ({"target_classes": [0, 1]}, [0, 2], "both name the target task and differ"),
        ({"pretrain_classes": [8, 9]}, [0, 1, 2, 3, 4], r"pretrain_classes names labels .* \[8, 9"),
    ],
)
def test_partial_fit_errors(make, lt5, params, classes, message):
    with pytest.raises(ValueError, match=message):
        make(**params).partial_fit(*lt5, classes=classes)


def test_partial_fit_refuses_other_classes_later(make, lt5, fashion):
    clf = make().partial_fit(*lt5, classes=range(5))
    with pytest.raises(
        ValueError, match=r"classes=\[0, .*, 5\] differs from .*, \[0, 1, 2, 3, 4\]"
    ):
        clf.partial_fit(*lt5, classes=range(6))
    with pytest.raises(ValueError, match="classes of the first fit"):
        clf.partial_fit(*fashion)


@pytest.mark.parametrize(
    ("name", "value"), [("learning_rate", -0.01), ("batch_size", 0), ("freeze_until", 1.5)]
)
def test_partial_fit_validates_parameters_in_each_call(make, lt5, name, value, assert_same):
    clf, expected = (make().partial_fit(*lt5, classes=range(5)) for _ in range(2))
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter"):
        clf.set_params(**{name: value}).partial_fit(*lt5)
    assert_same(clf, expected, lt5[0])


def test_partial_fit_keeps_the_users_setting_of_validation(make, lt5):
    # The value is not used, so that a call can succeed.
    clf = make().partial_fit(*lt5, classes=range(5)).set_params(tol=-1.0)
    with config_context(skip_parameter_validation=True):
        assert clf.partial_fit(*lt5).n_iter_ == 2
    with pytest.raises(InvalidParameterError, match="The 'tol' parameter"):
        clf.partial_fit(*lt5)


def test_later_batches_ignore_pixels_of_source_rows(make, fashion, assert_same):
    X, y = fashion[0] / 255, fashion[1]
    clf, expected = (
        make(pretrain_classes=GTE5).partial_fit(X, y, classes=range(5)) for _ in range(2)
    )
    far = X.copy()
    far[y >= 5] *= 1000
    assert_same(clf.partial_fit(far, y), expected.partial_fit(X, y), X)


def test_first_batch_of_source_rows_only(make, fashion):
    X, y = fashion
    clf = make(pretrain_classes=np.array(GTE5))
    clf.partial_fit(X[y >= 5], y[y >= 5], classes=range(5))
    assert clf.n_iter_ == 0
    assert len(clf.pretrain_history_["loss"]) == 1
    clf.partial_fit(X, y).partial_fit(X[y >= 5], y[y >= 5])
    assert clf.n_iter_ == 1
    with pytest.raises(ValueError, match=r"y has none of classes=\['0', '1'\]"):
        make().partial_fit(X, y, classes=["0", "1"])


def test_partial_fit_goes_on_whatever_type_the_same_pixels_have(make, lt5):
    X, y = lt5
    bytes_only, mixed = (make(batch_size=30).partial_fit(X, y, classes=range(5)) for _ in "ab")
    bytes_only.partial_fit(X, y)
    mixed.partial_fit(X.astype(float), y)
    assert_array_equal(mixed.predict_proba(X), bytes_only.predict_proba(X))


def test_warm_start_may_change_dtype(make, fashion):
    clf = make(pretrain_classes=GTE5, warm_start=True).fit(*fashion)
    clf.set_params(dtype="float64").fit(*fashion)
    assert clf.predict_proba(fashion[0]).dtype == np.float64
    assert clf.n_iter_ == 4


def test_the_summary_of_a_further_fit_without_validation_has_no_nan(make, lt5, fashion_test):
    X_test, y_test = fashion_test
    clf = make(warm_start=True).fit(*lt5, X_val=X_test[y_test < 5], y_val=y_test[y_test < 5])
    assert "validation accuracy" in clf._repr_html_()
    assert "validation accuracy" not in clf.fit(*lt5)._repr_html_()


def test_history_stays_in_step_when_rows_are_watched_later(make, lt5, fashion_test):
    X_val, y_val = (part[fashion_test[1] < 5] for part in fashion_test)
    clf = make(warm_start=True).fit(*lt5).fit(*lt5, X_val=X_val, y_val=y_val).fit(*lt5)
    assert {len(values) for values in clf.history_.values()} == {6}
    assert np.isnan(clf.history_["val_loss"]).tolist() == [True, True, False, False, True, True]


def test_learning_rate_none_is_the_default_of_the_optimizer_again(make, lt5):
    def fit(last_rate):
        clf = make().partial_fit(*lt5, classes=range(5))
        clf.set_params(learning_rate=0.01).partial_fit(*lt5)
        return clf.set_params(learning_rate=last_rate).partial_fit(*lt5).predict_proba(lt5[0])

    by_default = fit(None)
    assert_array_equal(by_default, fit(0.001))
    assert not np.array_equal(by_default, fit(0.01))


def test_warm_start_has_a_fresh_optimizer(make, lt5):
    X, y = lt5
    warm = make(epochs=1, warm_start=True).fit(X, y).fit(X, y)
    assert warm._optimizer_state is None
    streamed = make().partial_fit(X, y, classes=range(5)).partial_fit(X, y)
    assert not np.array_equal(warm.predict_proba(X), streamed.predict_proba(X))
