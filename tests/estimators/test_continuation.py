"""Training that continues from a fitted estimator, and fits that end early."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.callback import FitCallback

from skfashion import Backbone, TransferClassifier


def make_tiny(activation="relu", name="tiny", n_last=1):
    """Return a backbone whose function is a new object in each call, as in a notebook's cell."""

    def build(images):
        from keras import layers

        x = layers.Rescaling(1 / 255)(images)
        x = layers.Conv2D(4, 3, activation=activation, name="conv")(x)
        for number in range(1, n_last):
            x = layers.Conv2D(4, 1, name=f"extra{number}")(x)
        return layers.Conv2D(4, 3, activation="relu", name="last")(x)

    return Backbone(name, build=build, stages=("conv", "last"), min_size=7)


CHANGES = {
    "pickle": lambda clf: pickle.loads(pickle.dumps(clf)).set_params(backbone=make_tiny()),
    "cell that ran again": lambda clf: clf.set_params(backbone=make_tiny()),
}


@pytest.mark.parametrize("body_until", [None, "conv"])
@pytest.mark.parametrize("change", CHANGES)
def test_training_continues_with_an_equal_backbone(make, small, assert_same, change, body_until):
    X, y = small
    params = {"body_until": body_until, "hidden_units": 4}
    clf, expected = (
        make(backbone=make_tiny(), **params).partial_fit(X, y, classes=range(10)) for _ in range(2)
    )
    for _ in range(2):
        clf = CHANGES[change](clf).partial_fit(X, y)
        expected.partial_fit(X, y)
    assert_same(clf, expected, X)


@pytest.mark.parametrize(
    "other", [make_tiny("tanh"), make_tiny(name="other")], ids=["layer", "name"]
)
def test_another_backbone_does_not_continue(make, small, other):
    X, y = small
    clf = make(backbone=make_tiny(), epochs=1, hidden_units=4, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="Training continues with the network of the first fit"):
        clf.set_params(backbone=other).fit(X, y)


def test_the_stages_after_the_bodys_end_are_those_of_the_first_fit(
    make, small, tmp_path, weights_of
):
    path = tmp_path / "body.weights.h5"
    params = {"body_until": "conv", "hidden_units": 4, "epochs": 1, "warm_start": True}
    clf = make(backbone=make_tiny(), **params).fit(*small)
    last = weights_of(clf)["last/kernel"]
    clf.set_params(backbone=make_tiny(n_last=2)).fit(*small)
    clf.save_backbone_weights(path)
    read = weights_of(make(backbone=make_tiny(), weights=path, epochs=0).fit(*small))
    assert_array_equal(read["last/kernel"], last)
    assert_array_equal(read["conv/kernel"], weights_of(clf)["conv/kernel"])


# -- Labels --------------------------------------------------------------------------------------


def many_classes(n_classes, n_images=400):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n_images, 7, 7), dtype="uint8"), np.arange(n_images) % n_classes


@pytest.mark.parametrize("n_classes", [3, 20, 100])
def test_text_is_no_number_whatever_the_number_of_classes(make, n_classes):
    X, y = many_classes(n_classes)
    message = r"has labels of type <U\d+, but those of fit are of type int64\. .* convert those of"
    clf = make(epochs=1, warm_start=True).fit(X, y)
    for call in (clf.fit, clf.partial_fit):
        with pytest.raises(ValueError, match=f"^y {message} y"):
            call(X, y.astype(str))
    with pytest.raises(ValueError, match=f"^y_val {message} y_val"):
        make(epochs=1).fit(X, y, X_val=X, y_val=y.astype(str))


def test_only_the_labels_of_a_fit_may_raise_the_warning_about_regression(make):
    X, y = many_classes(30, n_images=60)
    clf = make().partial_fit(X, y, classes=range(30))
    # A batch, a scored part and validation rows may have many distinct labels.
    clf.partial_fit(X[:30], y[:30])
    assert 0 <= clf.score(X[:30], y[:30]) <= 1
    make(epochs=1).fit(X, y, X_val=X[:30], y_val=y[:30])
    with pytest.warns(UserWarning, match=r"greater than 50% of the number of samples"):
        make(epochs=0).fit(X[:40], y[:40])


def test_labels_outside_target_classes_are_ignored_in_every_batch(make, small, assert_same):
    X, y = small
    clf, expected = (
        make(target_classes=[0, 1]).partial_fit(X[y <= 2], y[y <= 2], classes=[0, 1])
        for _ in range(2)
    )
    clf.partial_fit(X[y <= 3], y[y <= 3])
    assert_same(clf, expected.partial_fit(X[y <= 2], y[y <= 2]), X)
    assert clf.score(X[y <= 3], y[y <= 3]) == clf.score(X[y <= 1], y[y <= 1])
    open_classes = make().partial_fit(X[y <= 2], y[y <= 2], classes=range(3))
    with pytest.raises(ValueError, match="but y has the classes"):
        open_classes.partial_fit(X[y <= 3], y[y <= 3])


def test_batches_may_have_dates_of_another_unit(make, small, assert_same):
    X, y = small
    days = np.datetime64("2026-01-01", "D") + y
    weight = {days[0]: 3.0}
    clf, expected = (
        make(class_weight=weight).partial_fit(X, days, classes=np.unique(days)) for _ in range(2)
    )
    other = days.astype("datetime64[ns]")
    clf.partial_fit(X, other, classes=np.unique(other))
    assert_same(clf, expected.partial_fit(X, days), X)
    assert clf.score(X, other) == expected.score(X, days)


def test_a_set_of_target_classes_is_shown_in_errors(make, small):
    X, y = small
    with pytest.raises(ValueError, match=r"target_classes=\[0, 1\] both name the target task"):
        make(target_classes={0, 1}).partial_fit(X, y, classes=[0, 2])


def test_a_batch_of_classes_without_weight_changes_nothing(make, small, assert_same):
    X, y = small
    clf, expected = (
        make(class_weight={0: 0.0}).partial_fit(X, y, classes=range(10)) for _ in range(2)
    )
    assert_same(clf.partial_fit(X[y == 0], y[y == 0]), expected, X)


# -- Ends ----------------------------------------------------------------------------------------


def test_the_freeze_point_is_the_one_that_was_reached(make, small):
    X, y = small
    clf = make(freeze_until=None, head_epochs=2, epochs=4)
    reached = []
    for _ in range(5):
        clf.partial_fit(X, y, classes=range(10))
        reached.append((clf.freeze_point_, clf.n_frozen_params_))
    assert reached == [("features", 9568)] * 2 + [(None, 0)] * 3
    assert all(layer.trainable for layer in clf.model_.layers)


class FailsAtTheEnd(FitCallback):
    def on_fit_task_end(self, estimator, context):
        if context.task_name == "fit":
            raise RuntimeError("at the end")


def test_a_callback_that_fails_at_the_end_leaves_the_new_model(make, fashion):
    X, y = fashion
    clf = make(epochs=1).fit(X, y)
    clf.set_callbacks(FailsAtTheEnd())
    with pytest.raises(RuntimeError, match="at the end"):
        clf.fit(X[:, ::2, ::2], y)
    expected = TransferClassifier(epochs=1, random_state=0).fit(X[:, ::2, ::2], y)
    assert_array_equal(clf.predict_proba(X[:, ::2, ::2]), expected.predict_proba(X[:, ::2, ::2]))


def test_a_batch_may_be_larger_than_32_bits(make, small, assert_same):
    assert_same(make(batch_size=2**40).fit(*small), make(batch_size=len(small[1])).fit(*small))
