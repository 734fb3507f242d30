"""The contract of TransferClassifier, on real images."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import TransferClassifier, list_backbones
from skfashion._networks.architecture import PREDICTION_BATCH
from skfashion._networks.network import get_network
from skfashion.datasets import load_fashion_sample
from tests.class_split import GTE5, first_of_each, halve

PARAMETERS = {
    "backbone": "small_cnn",
    "weights": None,
    "pretrain_classes": None,
    "target_classes": None,
    "freeze_until": "auto",
    "body_until": "auto",
    "head_init": "auto",
    "output_layer": "new",
    "pretrain_epochs": "auto",
    "epochs": "auto",
    "batch_size": "auto",
    "optimizer": "adam",
    "learning_rate": None,
    "pretrain_learning_rate": None,
    "body_learning_rate": None,
    "layer_decay": None,
    "schedule": None,
    "warmup": None,
    "clip_norm": None,
    "head_epochs": 0,
    "epochs_per_stage": 0,
    "hidden_units": "auto",
    "dropout": 0.5,
    "feature_dropout": 0.25,
    "augmentation": None,
    "augmentation_views": None,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "n_iter_no_change": 5,
    "tol": 1e-4,
    "class_weight": None,
    "warm_start": False,
    "random_state": None,
    "verbose": 0,
    "image_shape": None,
    "pixel_range": None,
    "resize": "crop",
    "reduced_decoding": True,
    "input_size": None,
    "dtype": "float32",
    "recipe": None,
    "memory": None,
    "memory_limit": None,
    "checkpoint": None,
}


def test_parameters_and_defaults_are_those_of_the_contract():
    assert TransferClassifier().get_params() == PARAMETERS


def test_every_parameter_is_declared():
    assert set(TransferClassifier._parameter_constraints) == set(PARAMETERS)


def test_network_is_the_reference_to_the_parameter(make):
    X, y = first_of_each(*load_fashion_sample(return_X_y=True), 2)
    clf = make(pretrain_classes=GTE5, epochs=1).fit(X, y)
    assert clf.freeze_point_ == "features"
    assert clf.n_frozen_params_ == 9_568
    assert clf.n_trainable_params_ == 590_597
    assert clf.model_.count_params() == 600_165
    body = [layer.count_params() for layer in clf.model_.get_layer("network").layers]
    assert [count for count in body if count] == [320, 9_248, 589_952, 645]


def test_fitted_attributes_of_a_class_split(fitted):
    assert_array_equal(fitted.classes_, [0, 1, 2, 3, 4])
    assert_array_equal(fitted.source_classes_, GTE5)
    assert fitted.n_features_in_ == 196
    assert fitted.image_shape_ == (14, 14, 1)
    assert fitted.pixel_range_ == (0, 255)
    assert fitted.n_iter_ == 2
    for history, epochs in ((fitted.history_, 2), (fitted.pretrain_history_, 1)):
        assert list(history) == ["loss", "accuracy", "seconds", "features"]
        assert all(len(values) == epochs for values in history.values())
        types = {name: {*map(type, values)} for name, values in history.items()}
        assert types.pop("features") == {str}
        assert all(kinds == {float} for kinds in types.values())


def test_the_model_has_the_weights_of_the_fit(fitted, weights_of):
    expected = weights_of(fitted)
    assert {variable.path for variable in fitted.model_.weights} == set(expected)
    for variable in fitted.model_.weights:
        assert_array_equal(variable.numpy(), expected[variable.path])


def test_without_a_class_split(make, lt5):
    clf = make().fit(*lt5)
    assert len(clf.source_classes_) == 0
    assert clf.pretrain_history_ == {}
    assert clf.freeze_point_ is None
    assert (clf.n_frozen_params_, clf.n_trainable_params_) == (0, 112_741)


def test_it_learns():
    X, y = load_fashion_sample(return_X_y=True)
    X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    clf = TransferClassifier(pretrain_classes=GTE5, random_state=0).fit(halve(X[:2500]), y[:2500])
    assert clf.history_["loss"][-1] < clf.history_["loss"][0]
    assert clf.score(halve(X_test), y_test) > 0.75


def test_prediction_runs_batches_of_one_size(fitted):
    network = get_network(fitted._fitted.architecture)
    functions = [*network.stage_functions("features"), network.head_function("features")]
    shapes = [(14, 14, 1), (12, 12, 32), (800,)]
    for function, shape in zip(functions, shapes, strict=True):
        (_, batch), _ = function._run.structured_input_signature
        assert batch.shape == (PREDICTION_BATCH, *shape)


def test_string_labels(make, fashion, fitted):
    X, y = fashion
    names = np.array([f"class {label}" for label in y])
    clf = make(pretrain_classes=[f"class {label}" for label in GTE5]).fit(X, names)
    assert_array_equal(clf.classes_, [f"class {label}" for label in range(5)])
    assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))
    assert clf.score(X, names) == fitted.score(X, y)


def test_target_classes_leave_rows_out(make, fashion):
    X, y = fashion
    wide = make(pretrain_classes=[5, 6], target_classes=[0, 1]).fit(X, y)
    used = np.isin(y, [0, 1, 5, 6])
    narrow = make(pretrain_classes=[5, 6], target_classes=[0, 1]).fit(X[used], y[used])
    assert_array_equal(wide.predict_proba(X), narrow.predict_proba(X))
    assert wide.score(X, y) == wide.score(X[np.isin(y, [0, 1])], y[np.isin(y, [0, 1])])


def test_tasks_may_overlap(make, fashion):
    clf = make(pretrain_classes=[3, 4, 5, 6], target_classes=[4, 5, 9]).fit(*fashion)
    assert_array_equal(clf.source_classes_, [3, 4, 5, 6])
    assert_array_equal(clf.classes_, [4, 5, 9])


def test_output_layer_keep_and_new(make, fashion, weights_of):
    X, y = fashion
    shared = {"pretrain_classes": GTE5, "pretrain_epochs": 5, "epochs": 0}
    kept = make(output_layer="keep", **shared).fit(X, y)
    new = make(output_layer="new", **shared).fit(X, y)
    assert_array_equal(weights_of(new)["dense/kernel"], weights_of(kept)["dense/kernel"])
    # Nothing was trained on the target task, so what is kept still tells the source classes apart.
    source = y >= 5
    assert np.mean(kept.predict(X[source]) + 5 == y[source]) > 0.6
    assert np.mean(new.predict(X[source]) + 5 == y[source]) < 0.5


def test_tasks_of_different_size(make, fashion):
    clf = make(pretrain_classes=[7, 8, 9]).fit(*fashion)
    assert clf.predict_proba(fashion[0][:3]).shape == (3, 7)
    with pytest.raises(ValueError, match=r"source task has 3, the target task 7. Use output_layer"):
        make(pretrain_classes=[7, 8, 9], output_layer="keep").fit(*fashion)


def test_hidden_units_zero_is_a_linear_head(make, lt5):
    clf = make(hidden_units=0, epochs=1).fit(*lt5)
    assert clf.n_trainable_params_ == 9_568 + 800 * 5 + 5


def test_list_backbones():
    assert list_backbones()[:2] == ["small_cnn", "vgg16"]
