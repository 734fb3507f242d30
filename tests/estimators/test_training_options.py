"""Augmentation, optimizers, dtypes and logging in a fit."""

import logging
from contextlib import redirect_stderr
from io import StringIO

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.class_split import GTE5


@pytest.mark.parametrize(
    "augmentation",
    [
        "flip",
        ["flip", "shift"],
        {"rotate": 10, "zoom": 0.2},
        {"erase": 0.9, "flip": "both"},
    ],
    ids=str,
)
def test_augmentation_changes_training_alone(make, fashion, augmentation):
    X, y = fashion
    augmented = make(pretrain_classes=GTE5, augmentation=augmentation).fit(X, y)
    again = make(pretrain_classes=GTE5, augmentation=augmentation).fit(X, y)
    plain = make(pretrain_classes=GTE5).fit(X, y)
    assert_array_equal(augmented.predict_proba(X), again.predict_proba(X))
    assert not np.array_equal(augmented.predict_proba(X), plain.predict_proba(X))
    assert_array_equal(augmented.predict_proba(X[:5]), augmented.predict_proba(X)[:5])


@pytest.mark.parametrize("freeze_until", [None, "features"])
def test_fine_tuning_is_augmented_too(make, fashion, freeze_until):
    shared = {"pretrain_classes": GTE5, "pretrain_epochs": 0, "freeze_until": freeze_until}
    augmented = make(augmentation="flip", **shared).fit(*fashion)
    plain = make(**shared).fit(*fashion)
    assert augmented.history_["loss"] != plain.history_["loss"]


def test_learning_rate_is_taken(make, lt5, weights_of):
    slow, fast = (make(learning_rate=rate, epochs=1).fit(*lt5) for rate in (1e-9, 1e-2))
    start = weights_of(make(epochs=0).fit(*lt5))["dense/kernel"]
    assert_allclose(weights_of(slow)["dense/kernel"], start, atol=1e-7)
    assert np.abs(weights_of(fast)["dense/kernel"] - start).max() > 1e-3


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float64", np.float64), ("float32", np.float32), ("mixed_bfloat16", np.float32)],
)
def test_dtype(make, fashion, dtype, expected, weights_of):
    import keras

    X, y = fashion
    policy = keras.config.dtype_policy().name
    clf = make(pretrain_classes=GTE5, dtype=dtype).fit(X, y)
    assert keras.config.dtype_policy().name == policy
    assert clf.predict_proba(X).dtype == expected
    assert weights_of(clf)["dense/kernel"].dtype == expected
    assert_allclose(clf.predict_proba(X).sum(axis=1), 1, atol=1e-5)


def test_zero_epochs(make, fashion):
    clf = make(pretrain_classes=GTE5, pretrain_epochs=0, epochs=0).fit(*fashion)
    assert clf.n_iter_ == 0
    assert clf.history_ == clf.pretrain_history_ == {}
    assert clf.predict(fashion[0]).shape == (200,)


def test_divergence_is_an_error(make, lt5):
    with pytest.raises(ValueError, match=r"Training diverged: the loss is .* Lower them"):
        make(optimizer="sgd", learning_rate=1e20, epochs=5).fit(*lt5)


def test_verbose_logs_a_line_an_epoch(make, fashion, caplog):
    with caplog.at_level(logging.INFO, logger="skfashion"):
        make(pretrain_classes=GTE5, verbose=1).fit(*fashion)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert lines[0].startswith("pretrain epoch 1/1: loss ")
    assert lines[2].startswith("fine-tune epoch 2/2: loss ")


def test_verbose_lines_follow_the_stream_that_is_stderr(make, lt5, monkeypatch):
    logger = logging.getLogger("skfashion")
    before = logger.level
    # Without the handlers of pytest, as where no logging is set up.
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "handlers", [])
    streams = [StringIO(), StringIO()]
    try:
        for stream in streams:
            with redirect_stderr(stream):
                make(verbose=1, epochs=1).fit(*lt5)
    finally:
        logger.setLevel(before)
    for stream in streams:
        assert stream.getvalue().startswith("fine-tune epoch 1/1: loss ")
        assert stream.getvalue().count("\n") == 1


def test_pretraining_is_augmented_and_weighted_by_class(make, fashion):
    plain = make(pretrain_classes=GTE5).fit(*fashion).pretrain_history_["loss"]
    for params in ({"augmentation": "flip"}, {"class_weight": {7: 9.0}}):
        changed = make(pretrain_classes=GTE5, **params).fit(*fashion)
        assert changed.pretrain_history_["loss"] != plain


def test_seconds_are_measured(make, lt5):
    assert all(seconds > 0 for seconds in make(epochs=3).fit(*lt5).history_["seconds"])


def test_bfloat16_computes_otherwise(make, lt5):
    half, single = (make(dtype=dtype).fit(*lt5) for dtype in ("mixed_bfloat16", "float32"))
    assert not np.array_equal(half.predict_proba(lt5[0]), single.predict_proba(lt5[0]))


def test_the_users_log_level_is_kept(make, lt5):
    logger = logging.getLogger("skfashion")
    before = logger.level
    try:
        logger.setLevel(logging.ERROR)
        make(verbose=1, epochs=1).fit(*lt5)
        assert logger.level == logging.ERROR
    finally:
        logger.setLevel(before)
