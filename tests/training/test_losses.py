"""Label smoothing and soft labels against Keras' losses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss

from skfashion import Recipe
from skfashion._training.losses import score, score_soft, to_means, to_soft_labels

RNG = np.random.default_rng(0)
LOGITS, TARGETS = RNG.normal(size=(30, 5)) * 3, RNG.integers(5, size=30).astype("int32")
WEIGHTS = RNG.uniform(0, 2, size=30)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_loss_and_gradient_are_those_of_keras(smoothing):
    logits = tf.Variable(LOGITS)
    labels = to_soft_labels(tf.constant(TARGETS), tf.constant(WEIGHTS), 5)
    with tf.GradientTape() as tape:
        loss, _ = score_soft(logits, labels, tf.constant(smoothing))
    gradient = tape.gradient(loss, logits)
    keras_loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, dtype="float64"
    )
    with tf.GradientTape() as tape:
        expected = keras_loss(np.eye(5)[TARGETS], logits, sample_weight=WEIGHTS)
    assert_allclose(loss, expected, rtol=1e-6)
    assert_allclose(gradient, tape.gradient(expected, logits), rtol=1e-5, atol=1e-9)


def test_hard_and_soft_labels_agree():
    hard = score(tf.constant(LOGITS), tf.constant(TARGETS), tf.constant(WEIGHTS))
    labels = to_soft_labels(tf.constant(TARGETS), tf.constant(WEIGHTS), 5)
    soft = score_soft(tf.constant(LOGITS), labels, tf.constant(0.0))
    for one, other in zip(hard, soft, strict=True):
        assert_allclose(one, other, rtol=1e-10)


def test_a_mixed_row_counts_as_correct_by_the_part_of_the_predicted_class():
    labels = tf.constant([[0.6, 0.4, 0.0], [0.0, 1.5, 0.5]])
    logits = tf.constant([[9.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    _, totals = score_soft(logits, labels, tf.constant(0.2))
    _, accuracy = to_means(totals)
    assert accuracy == pytest.approx((0.6 + 0.5) / 3)


def test_smoothing_is_in_the_training_loss_only(make, lt5, fashion_test):
    X_val, y_val = fashion_test
    X_val, y_val = X_val[y_val < 5], y_val[y_val < 5]
    plain, smoothed = (
        make(recipe=Recipe(label_smoothing=s), epochs=3).fit(*lt5, X_val=X_val, y_val=y_val)
        for s in (None, 0.4)
    )
    # The least loss that there can be is the entropy of a smoothed label.
    share = np.array([0.6 + 0.4 / 5, *[0.4 / 5] * 4])
    assert min(smoothed.history_["loss"]) > -(share * np.log(share)).sum()
    assert smoothed.history_["loss"] != plain.history_["loss"]
    for clf in (plain, smoothed):
        expected = log_loss(y_val, clf.predict_proba(X_val))
        assert clf.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-4)
    # It takes effect: probabilities are less sure.
    assert smoothed.predict_proba(X_val).max(axis=1).mean() < (
        plain.predict_proba(X_val).max(axis=1).mean()
    )
