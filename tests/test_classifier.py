"""The contract of TransferClassifier, on real images."""

import logging
import pickle

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import GTE5
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss

from skfashion import TransferClassifier, list_backbones
from skfashion._networks.architecture import PREDICTION_BATCH
from skfashion._networks.network import get_network
from skfashion.datasets import load_fashion_sample

PARAMETERS = {
    "backbone": "small_cnn",
    "weights": None,
    "pretrain_classes": None,
    "target_classes": None,
    "freeze_until": "auto",
    "output_layer": "new",
    "pretrain_epochs": 5,
    "epochs": 5,
    "batch_size": 128,
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
    "hidden_units": 128,
    "dropout": 0.5,
    "feature_dropout": 0.25,
    "augmentation": None,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "n_iter_no_change": 5,
    "tol": 1e-4,
    "class_weight": None,
    "warm_start": False,
    "random_state": None,
    "verbose": 0,
    "image_shape": None,
    "input_size": None,
    "dtype": "float32",
    "memory": None,
    "memory_limit": None,
}


def test_parameters_and_defaults_are_those_of_the_contract():
    assert TransferClassifier().get_params() == PARAMETERS


def test_every_parameter_is_declared():
    assert set(TransferClassifier._parameter_constraints) == set(PARAMETERS)


def test_network_is_the_reference_to_the_parameter(fitted):
    assert fitted.freeze_point_ == "features"
    assert fitted.n_frozen_params_ == 9_568
    assert fitted.n_trainable_params_ == 590_597
    assert fitted.model_.count_params() == 600_165
    body = [layer.count_params() for layer in fitted.model_.get_layer("network").layers]
    assert [count for count in body if count] == [320, 9_248, 589_952, 645]


def test_fitted_attributes_of_a_class_split(fitted):
    assert_array_equal(fitted.classes_, [0, 1, 2, 3, 4])
    assert_array_equal(fitted.source_classes_, GTE5)
    assert fitted.n_features_in_ == 784
    assert fitted.image_shape_ == (28, 28, 1)
    assert fitted.pixel_range_ == (0, 255)
    assert fitted.n_iter_ == 2
    for history, epochs in ((fitted.history_, 2), (fitted.pretrain_history_, 1)):
        assert list(history) == ["loss", "accuracy", "seconds", "features"]
        assert all(len(values) == epochs for values in history.values())
        types = {name: {*map(type, values)} for name, values in history.items()}
        assert types.pop("features") == {str}
        assert all(kinds == {float} for kinds in types.values())


def test_without_a_class_split(make, lt5):
    clf = make().fit(*lt5)
    assert len(clf.source_classes_) == 0
    assert clf.pretrain_history_ == {}
    assert clf.freeze_point_ is None
    assert (clf.n_frozen_params_, clf.n_trainable_params_) == (0, 600_165)


def test_it_learns():
    X, y = load_fashion_sample(return_X_y=True)
    clf = TransferClassifier(pretrain_classes=GTE5, random_state=0).fit(X, y)
    assert clf.history_["loss"][-1] < clf.history_["loss"][0]
    assert clf.score(*load_fashion_sample(subset="test", return_X_y=True)) > 0.75


def test_predictions(fitted, fashion):
    X, _ = fashion
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (200, 5)
    assert probabilities.dtype == np.float32
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert_array_equal(fitted.predict(X), fitted.classes_[probabilities.argmax(axis=1)])


@pytest.mark.parametrize(
    "view",
    [
        lambda X: X[..., None],
        lambda X: X.reshape(len(X), -1),
        lambda X: X.astype(np.float64),
        lambda X: X.tolist(),
        lambda X: np.asfortranarray(X),
    ],
    ids=["channels", "flat", "float", "list", "fortran"],
)
def test_images_are_the_same_however_they_come(fitted, fashion, view):
    X = fashion[0][:7]
    assert_array_equal(fitted.predict_proba(view(X)), fitted.predict_proba(X))


def test_fitted_on_flat_rows_predicts_images(make, fitted, fashion):
    X, y = fashion
    flat = make(pretrain_classes=GTE5).fit(X.reshape(len(X), -1), y)
    assert flat.image_shape_ == (28, 28, 1)
    assert_array_equal(flat.predict_proba(X), fitted.predict_proba(X))


def test_range_of_pixels_is_that_of_fit(make, lt5):
    X, y = lt5[0] / 100.0 - 1, lt5[1]
    clf = make(epochs=1).fit(X, y)
    assert clf.pixel_range_ == (X.min(), X.max())
    dark = np.minimum(X, 0.5)
    both = np.concatenate([dark[:5], X])
    assert_array_equal(clf.predict_proba(dark[:5]), clf.predict_proba(both)[:5])


def test_prediction_runs_batches_of_one_size(fitted):
    network = get_network(fitted._architecture)
    functions = [*network.stage_functions("features"), network.head_function("features")]
    shapes = [(28, 28, 1), (26, 26, 32), (4608,)]
    for function, shape in zip(functions, shapes, strict=True):
        (_, batch), _ = function._run.structured_input_signature
        assert batch.shape == (PREDICTION_BATCH, *shape)


def test_data_frame_and_memmap(make, fashion, tmp_path):
    X, y = fashion
    frame = pd.DataFrame(X.reshape(len(X), -1)).add_prefix("pixel")
    clf = make(epochs=1).fit(frame, pd.Series(y))
    assert_array_equal(clf.feature_names_in_, frame.columns)
    memmap = np.memmap(tmp_path / "X", dtype=np.uint8, mode="w+", shape=X.shape)
    memmap[:] = X
    memory = make(epochs=1).fit(memmap, y)
    assert_array_equal(memory.predict_proba(memmap), clf.predict_proba(frame))


def test_colour_images_and_small_ones(make, lt5):
    X, y = lt5
    colour = np.repeat(X[..., None], 3, axis=3)
    assert make(epochs=1).fit(colour, y).image_shape_ == (28, 28, 3)
    small = make(epochs=1).fit(X[:, 10:15, 10:16], y)
    assert small.image_shape_ == (5, 6, 1)
    assert small.predict_proba(X[:, 10:15, 10:16]).shape == (100, 5)


def test_input_size_resizes_in_the_network(make, lt5):
    X, y = lt5
    clf = make(epochs=1, input_size=16).fit(X, y)
    assert clf.image_shape_ == (28, 28, 1)
    assert clf.model_.get_layer("network").get_layer("resize").output.shape[1:3] == (16, 16)


def test_image_shape_folds_rows(make, lt5):
    X, y = lt5
    flat = X.reshape(len(X), -1)
    assert make(epochs=1, image_shape=(14, 56)).fit(flat, y).image_shape_ == (14, 56, 1)


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


# -- Score ---------------------------------------------------------------------------------


def test_score_leaves_out_source_rows(fitted, fashion):
    X, y = fashion
    target = y < 5
    expected = np.mean(fitted.predict(X[target]) == y[target])
    assert fitted.score(X, y) == fitted.score(X[target], y[target]) == expected


def test_score_counts_labels_never_seen_as_wrong(fitted, fashion):
    X, y = fashion
    target = y < 5
    strange = np.where(np.arange(len(y)) % 2, y, 77)[target]
    assert fitted.score(X[target], strange) < fitted.score(X[target], y[target])


def test_score_takes_weights(fitted, fashion):
    X, y = fashion
    right = fitted.predict(X) == y
    assert fitted.score(X, y, sample_weight=right.astype(float)) == 1.0


def test_score_without_a_target_row_is_an_error(fitted, fashion):
    X, y = fashion
    with pytest.raises(ValueError, match=r"No row of y has a label of the target task, \[0, 1"):
        fitted.score(X[y >= 5], y[y >= 5])


# -- Heads and weights ---------------------------------------------------------------------


def test_output_layer_keep_and_new(make, fashion):
    X, y = fashion
    shared = {"pretrain_classes": GTE5, "pretrain_epochs": 5, "epochs": 0}
    kept = make(output_layer="keep", **shared).fit(X, y)
    new = make(output_layer="new", **shared).fit(X, y)
    assert_array_equal(new._weights["dense/kernel"], kept._weights["dense/kernel"])
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
    assert clf.n_trainable_params_ == 9_568 + 4_608 * 5 + 5


def test_backbone_weights_travel_by_file(make, lt5, body_path):
    clf = make(weights=body_path, epochs=0).fit(*lt5)
    assert clf.freeze_point_ == "features"
    again = body_path.with_name("again.weights.h5")
    clf.save_backbone_weights(str(again))
    other = make(weights=str(again), epochs=0, dtype="float64", random_state=7).fit(*lt5)
    for path in ("conv1/kernel", "conv1/bias", "conv2/kernel", "conv2/bias"):
        assert_array_equal(other._weights[path], clf._weights[path])


def test_model_is_its_own(make, lt5):
    clf = make(epochs=1).fit(*lt5)
    before = clf.predict_proba(lt5[0])
    model = clf.model_
    assert model is clf.model_
    assert_allclose(
        model.predict(lt5[0][..., None].astype("float32"), verbose=0), before, atol=1e-6
    )
    for variable in model.variables:
        variable.assign(variable * 0)
    assert_array_equal(clf.predict_proba(lt5[0]), before)


def test_representation_builds_no_model(fitted):
    fresh = pickle.loads(pickle.dumps(fitted))
    assert "TransferClassifier" in repr(fresh)
    assert "TransferClassifier" in fresh._repr_html_inner()
    assert fresh._model is None


# -- Copies --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [pickle, cloudpickle, joblib], ids=lambda module: module.__name__)
def test_persistence_is_bit_equal(fitted, fashion, tmp_path, how):
    _ = fitted.model_
    with (tmp_path / "clf").open("wb") as file:
        how.dump(fitted, file)
    with (tmp_path / "clf").open("rb") as file:
        copy = how.load(file)
    assert_array_equal(copy.predict_proba(fashion[0]), fitted.predict_proba(fashion[0]))
    assert copy.history_ == fitted.history_


def test_clone_and_parameters(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert copy.pretrain_classes is not fitted.pretrain_classes
    with pytest.raises(NotFittedError):
        copy.predict(np.zeros((1, 784)))
    assert not hasattr(copy, "model_")


def test_set_params_affects_the_next_fit_only(make, fashion):
    X, y = fashion
    clf = make(pretrain_classes=GTE5).fit(X, y)
    before = clf.predict_proba(X)
    clf.set_params(hidden_units=7, freeze_until=None, pretrain_classes=[0, 1], dtype="float64")
    assert_array_equal(clf.predict_proba(X), before)
    assert clf.score(X, y) == np.mean(clf.predict(X[y < 5]) == y[y < 5])
    assert clf.fit(X, y).predict_proba(X).shape == (200, 8)


def test_second_fit_starts_anew(make, fashion, lt5):
    clf = make().fit(*fashion)
    again = clf.fit(*lt5).predict_proba(lt5[0])
    assert_array_equal(again, make().fit(*lt5).predict_proba(lt5[0]))


# -- Weights of rows and classes -----------------------------------------------------------


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


# -- Going on ------------------------------------------------------------------------------


def test_warm_start_goes_on_without_pretraining(make, fashion):
    X, y = fashion
    clf = make(pretrain_classes=GTE5, warm_start=True, verbose=0).fit(X, y)
    pretrained = dict(clf.pretrain_history_)
    body = clf._weights["conv1/kernel"]
    clf.set_params(freeze_until=None, epochs=3).fit(X, y)
    assert clf.n_iter_ == 5
    assert len(clf.history_["loss"]) == 5
    assert clf.pretrain_history_ == pretrained
    assert clf.freeze_point_ is None
    assert not np.array_equal(clf._weights["conv1/kernel"], body)
    clf.fit(X[y < 5], y[y < 5])
    assert clf.n_iter_ == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_units": 7}, "network of the first fit"),
        ({"input_size": 12}, "network of the first fit"),
    ],
)
def test_warm_start_keeps_the_network(make, lt5, change, message):
    clf = make(warm_start=True).fit(*lt5)
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
    with pytest.raises(ValueError, match=r"shape \(27, 28, 1\), but .* fitted on .* \(28, 28, 1\)"):
        clf.fit(lt5[0][:, 1:], lt5[1])


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
    with pytest.raises(ValueError, match="differs from that of the first call"):
        clf.partial_fit(*lt5, classes=range(6))
    with pytest.raises(ValueError, match="classes of the first fit"):
        clf.partial_fit(*fashion)


# -- Early stopping ------------------------------------------------------------------------


def test_early_stopping_takes_back_the_best_weights(make, lt5, fashion_test):
    X, y = lt5
    X_val, y_val = (part[fashion_test[1] < 5] for part in fashion_test)
    patience = {"early_stopping": True, "epochs": 60, "n_iter_no_change": 3, "tol": 0}
    stopped = make(learning_rate=0.01, **patience).fit(X, y, X_val=X_val, y_val=y_val)
    losses = stopped.history_["val_loss"]
    best = int(np.argmin(losses)) + 1
    assert stopped.n_iter_ == best + 3 < 60
    straight = make(epochs=best, learning_rate=0.01).fit(X, y)
    assert_array_equal(stopped.predict_proba(X_val), straight.predict_proba(X_val))


def test_early_stopping_holds_out_rows_of_each_phase(make, fashion):
    clf = make(pretrain_classes=GTE5, early_stopping=True, validation_fraction=0.2).fit(*fashion)
    for history in (clf.history_, clf.pretrain_history_):
        names = ["loss", "accuracy", "val_loss", "val_accuracy", "seconds", "features"]
        assert list(history) == names


def test_validation_fraction_says_how_many_rows_are_held_out(make, lt5):
    clf = make(early_stopping=True, validation_fraction=0.13, epochs=3).fit(*lt5)
    hits = np.array(clf.history_["val_accuracy"]) * 13
    assert_allclose(hits, hits.round(), atol=1e-6)


def test_watching_does_not_change_training(make, fashion, fashion_test):
    X_val, y_val = fashion_test
    watched = make(pretrain_classes=GTE5).fit(*fashion, X_val=X_val, y_val=y_val)
    plain = make(pretrain_classes=GTE5).fit(*fashion)
    assert_array_equal(watched.predict_proba(X_val), plain.predict_proba(X_val))
    assert watched.history_["val_accuracy"][-1] == pytest.approx(plain.score(*fashion_test))
    assert "val_loss" in watched.pretrain_history_


@pytest.mark.parametrize("augmentation", [None, {"erase": 1.0, "rotate": 180}])
def test_watched_rows_are_scored_as_they_are(make, fashion, fashion_test, augmentation):
    X_val, y_val = fashion_test
    clf = make(pretrain_classes=GTE5, augmentation=augmentation)
    clf.fit(*fashion, X_val=X_val, y_val=y_val)
    target = y_val < 5
    loss = log_loss(y_val[target], clf.predict_proba(X_val[target]))
    assert clf.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-5)


def test_watched_rows_come_whole(make, lt5):
    with pytest.raises(ValueError, match="X_val was passed to fit without y_val"):
        make().fit(*lt5, X_val=lt5[0])


# -- Training ------------------------------------------------------------------------------


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


@pytest.mark.parametrize("optimizer", ["sgd", "adadelta", "rmsprop", "nadam", "adamw", "lion"])
def test_optimizers(make, lt5, optimizer):
    clf = make(optimizer=optimizer, epochs=1).fit(*lt5)
    assert np.isfinite(clf.history_["loss"]).all()


def test_learning_rate_is_taken(make, lt5):
    slow, fast = (make(learning_rate=rate, epochs=1).fit(*lt5) for rate in (1e-9, 1e-2))
    start = make(epochs=0).fit(*lt5)._weights["dense/kernel"]
    assert_allclose(slow._weights["dense/kernel"], start, atol=1e-7)
    assert np.abs(fast._weights["dense/kernel"] - start).max() > 1e-3


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float64", np.float64), ("float32", np.float32), ("mixed_bfloat16", np.float32)],
)
def test_dtype(make, fashion, dtype, expected):
    import keras

    X, y = fashion
    policy = keras.config.dtype_policy().name
    clf = make(pretrain_classes=GTE5, dtype=dtype).fit(X, y)
    assert keras.config.dtype_policy().name == policy
    assert clf.predict_proba(X).dtype == expected
    assert clf._weights["dense/kernel"].dtype == expected
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


def test_list_backbones():
    assert list_backbones()[:2] == ["small_cnn", "vgg16"]


# -- Odd but reasonable --------------------------------------------------------------------


def test_watched_rows_of_another_type(make, fashion, fashion_test):
    X_val, y_val = fashion_test
    params = {"pretrain_classes": GTE5}
    same = make(**params).fit(*fashion, X_val=X_val, y_val=y_val)
    for other in (X_val.astype(float), X_val.tolist()):
        assert (
            make(**params).fit(*fashion, X_val=other, y_val=y_val).history_["val_loss"]
            == (same.history_["val_loss"])
        )


def test_watched_rows_must_have_known_labels(make, lt5, fashion_test):
    X_val, y_val = fashion_test
    with pytest.raises(ValueError, match=r"y_val has labels that y lacks: \[5, 6, 7, 8, 9\]"):
        make().fit(*lt5, X_val=X_val, y_val=y_val)
    with pytest.raises(ValueError, match="sample_weight_val was passed to fit without X_val"):
        make().fit(*lt5, sample_weight_val=np.ones(3))


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


def test_history_stays_in_step_when_rows_are_watched_later(make, lt5, fashion_test):
    X_val, y_val = (part[fashion_test[1] < 5] for part in fashion_test)
    clf = make(warm_start=True).fit(*lt5).fit(*lt5, X_val=X_val, y_val=y_val).fit(*lt5)
    assert {len(values) for values in clf.history_.values()} == {6}
    assert np.isnan(clf.history_["val_loss"]).tolist() == [True, True, False, False, True, True]


def test_failed_refit_leaves_the_estimator_as_it_was(make, lt5):
    X, y = lt5
    clf = make().fit(X, y)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="diverged"):
        clf.set_params(optimizer="sgd", learning_rate=1e20, epochs=5).fit(X[:, :14], y)
    assert clf.n_features_in_ == 784
    assert_array_equal(clf.predict_proba(X), before)


def test_learning_rate_none_is_the_optimizers_own_again(make, lt5):
    clf = make().partial_fit(*lt5, classes=range(5))
    clf.set_params(learning_rate=0.5).partial_fit(*lt5)
    clf.set_params(learning_rate=None).partial_fit(*lt5)
    assert clf._optimizer.values[1] == np.float32(0.001)


def test_numbers_of_numpy_are_numbers(make, lt5):
    numbers = {
        "hidden_units": np.int64(19),
        "dropout": np.float64(0.25),
        "input_size": np.int32(12),
        "augmentation": {"rotate": np.float32(3)},
        "freeze_until": np.int64(1),
        "batch_size": np.int16(64),
    }
    assert make(epochs=1, **numbers).fit(*lt5).freeze_point_ == "conv1"
    with pytest.raises(ValueError, match="freeze_until=True is neither a name nor a number"):
        make(freeze_until=True).fit(*lt5)


def test_digit_strings_as_labels_and_in_class_weight(make, lt5):
    X, y = lt5
    clf = make(class_weight={"1": 1000.0}).fit(X, y.astype(str))
    assert np.mean(clf.predict(X) == "1") > 0.9


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_class_weight_must_be_a_weight(make, lt5, weight):
    with pytest.raises(ValueError, match=r"class_weight\[1\] must be a number from 0 and finite"):
        make(class_weight={1: weight}).fit(*lt5)


def test_class_weight_must_leave_something(make, lt5):
    with pytest.raises(ValueError, match="leaves no row of the task"):
        make(class_weight=dict.fromkeys(range(5), 0.0)).fit(*lt5)


def test_balanced_batches_that_lack_classes(make, lt5):
    X, y = lt5
    clf = make(class_weight="balanced").partial_fit(X[y < 2], y[y < 2], classes=range(5))
    assert np.isfinite(clf.history_["loss"]).all()


@pytest.mark.parametrize("method", ["predict_proba", "predict", "score"])
def test_unit_floats_on_a_byte_fit_draw_a_warning(fitted, fashion, method):
    X, y = fashion
    arguments = (X / 255, y) if method == "score" else (X / 255,)
    with pytest.warns(UserWarning, match=r"values from 0 to 1, but .* range 0 to 255") as record:
        getattr(fitted, method)(*arguments)
    assert record[0].filename == __file__


# -- Each parameter in each phase ----------------------------------------------------------


def test_pretraining_stops_early_at_its_best_weights_too(make, fashion, fashion_test):
    X_val, y_val = fashion_test
    patience = {"early_stopping": True, "n_iter_no_change": 2, "tol": 0, "learning_rate": 0.01}
    shared = {"pretrain_classes": GTE5, "epochs": 0, "output_layer": "keep"}
    stopped = make(pretrain_epochs=40, **patience, **shared).fit(*fashion, X_val=X_val, y_val=y_val)
    best = int(np.argmin(stopped.pretrain_history_["val_loss"])) + 1
    assert len(stopped.pretrain_history_["loss"]) == best + 2
    straight = make(pretrain_epochs=best, learning_rate=0.01, **shared).fit(*fashion)
    assert_array_equal(stopped.predict_proba(X_val), straight.predict_proba(X_val))


def test_tol_is_what_counts_as_improved(make, lt5):
    clf = make(early_stopping=True, tol=100.0, n_iter_no_change=3, epochs=20).fit(*lt5)
    assert clf.n_iter_ == 4


def test_pretraining_is_augmented_and_weighted_by_class(make, fashion):
    plain = make(pretrain_classes=GTE5).fit(*fashion).pretrain_history_["loss"]
    for params in ({"augmentation": "flip"}, {"class_weight": {7: 9.0}}):
        changed = make(pretrain_classes=GTE5, **params).fit(*fashion)
        assert changed.pretrain_history_["loss"] != plain


def test_watched_rows_have_weights(make, lt5):
    X, y = lt5
    weight = np.where(np.arange(len(y)) < 50, 1.0, 3.0)
    clf = make().fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    expected = log_loss(y, clf.predict_proba(X), sample_weight=weight)
    assert clf.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-5)


def test_seconds_are_measured(make, lt5):
    assert all(seconds > 0 for seconds in make(epochs=3).fit(*lt5).history_["seconds"])


def test_warm_start_has_a_fresh_optimizer(make, lt5):
    X, y = lt5
    warm = make(epochs=1, warm_start=True).fit(X, y).fit(X, y)
    assert warm._optimizer is None
    streamed = make().partial_fit(X, y, classes=range(5)).partial_fit(X, y)
    assert not np.array_equal(warm.predict_proba(X), streamed.predict_proba(X))


def test_bfloat16_computes_otherwise(make, lt5):
    half, single = (make(dtype=dtype).fit(*lt5) for dtype in ("mixed_bfloat16", "float32"))
    assert not np.array_equal(half.predict_proba(lt5[0]), single.predict_proba(lt5[0]))


def test_a_number_as_sample_weight(make, lt5):
    assert_array_equal(
        make().fit(*lt5, sample_weight=2.0).predict_proba(lt5[0]),
        make().fit(*lt5).predict_proba(lt5[0]),
    )


def test_the_users_log_level_is_kept(make, lt5):
    logger = logging.getLogger("skfashion")
    before = logger.level
    try:
        logger.setLevel(logging.ERROR)
        make(verbose=1, epochs=1).fit(*lt5)
        assert logger.level == logging.ERROR
    finally:
        logger.setLevel(before)
