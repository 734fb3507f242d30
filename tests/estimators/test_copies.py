"""Copies, pickles, clones, refits and the Keras model of a fitted estimator."""

import copy
import pickle

import cloudpickle
import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skfashion import Backbone, BackboneFeatures, load
from skfashion._backbones import registry
from tests.class_split import GTE5


def test_backbone_weights_travel_by_file(make, lt5, body_path, weights_of):
    clf = make(weights=body_path, epochs=0).fit(*lt5)
    assert clf.freeze_point_ == "features"
    again = body_path.with_name("again.weights.h5")
    clf.save_backbone_weights(str(again))
    other = make(weights=str(again), epochs=0, dtype="float64", random_state=7).fit(*lt5)
    weights, expected = weights_of(other), weights_of(clf)
    for path in ("conv1/kernel", "conv1/bias", "conv2/kernel", "conv2/bias"):
        assert_array_equal(weights[path], expected[path])


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


@pytest.mark.parametrize("how", [pickle, cloudpickle, joblib], ids=lambda module: module.__name__)
def test_persistence_is_bit_equal(fitted, fashion, tmp_path, how):
    _ = fitted.model_
    with (tmp_path / "clf").open("wb") as file:
        how.dump(fitted, file)
    with (tmp_path / "clf").open("rb") as file:
        again = how.load(file)
    assert_array_equal(again.predict_proba(fashion[0]), fitted.predict_proba(fashion[0]))
    assert again.history_ == fitted.history_


def build_body(images):
    from keras import layers

    return layers.Conv2D(4, 3, name="conv")(layers.Rescaling(1 / 255)(images))


ARRIVED = Backbone("arrived", build=build_body, stages=("conv",), min_size=7)
COPIES = pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])


@COPIES
def test_copies_of_a_classifier(make, small, copied, monkeypatch, assert_same):
    X, y = small
    monkeypatch.setitem(registry._UNREGISTERED, "arrived", ARRIVED)
    clf, expected = (
        make(backbone="arrived", hidden_units=4).partial_fit(X, y, classes=range(10))
        for _ in range(2)
    )
    _ = clf.model_
    other = copied(clf)
    assert registry._UNREGISTERED["arrived"] is ARRIVED
    assert other._model is None
    assert_same(other, clf, X)
    other.partial_fit(X, y)
    assert_same(clf, expected, X)
    assert_same(clf.partial_fit(X, y), other, X)


@COPIES
def test_copies_of_features(small, copied, monkeypatch):
    monkeypatch.setitem(registry._UNREGISTERED, "arrived", ARRIVED)
    features = BackboneFeatures("arrived", random_state=0).fit(small[0])
    before = features.transform(small[0])
    other = copied(features)
    assert registry._UNREGISTERED["arrived"] is ARRIVED
    assert_array_equal(other.transform(small[0]), before)
    assert other.set_params(layer="rescaling").fit(small[0]).transform(small[0]).shape[1] == 1
    assert_array_equal(features.transform(small[0]), before)


def test_a_deep_copy_shares_no_weights(fitted):
    other = copy.deepcopy(fitted)
    for path, array in other._fitted.weights.items():
        assert not np.shares_memory(array, fitted._fitted.weights[path])


def test_clone_and_parameters(fitted):
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    assert twin.pretrain_classes is not fitted.pretrain_classes
    with pytest.raises(NotFittedError):
        twin.predict(np.zeros((1, 196)))
    assert not hasattr(twin, "model_")


def test_set_params_affects_the_next_fit_only(make, fashion):
    X, y = fashion
    clf = make(pretrain_classes=GTE5).fit(X, y)
    before = clf.predict_proba(X)
    clf.set_params(hidden_units=7, freeze_until=None, pretrain_classes=[0, 1], dtype="float64")
    assert_array_equal(clf.predict_proba(X), before)
    assert clf.score(X, y) == np.mean(clf.predict(X[y < 5]) == y[y < 5])
    assert clf.fit(X, y).predict_proba(X).shape == (200, 8)


@pytest.mark.parametrize("changes", [{"resize": "pad"}, {"reduced_decoding": False}])
def test_set_params_does_not_change_how_files_are_decoded(make, tmp_path, changes):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.jpg" for number in range(10)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (200, 300), np.uint8)).save(path)
    clf = make(image_shape=(14, 14)).fit(paths, np.arange(10) % 2)
    before = clf.predict_proba(paths)
    clf.set_params(**changes)
    assert_array_equal(clf.predict_proba(paths), before)
    clf.save(tmp_path / "model.skf")
    assert_array_equal(load(tmp_path / "model.skf").predict_proba(paths), before)
    assert not np.array_equal(clf.fit(paths, np.arange(10) % 2).predict_proba(paths), before)


def test_second_fit_starts_anew(make, fashion, lt5):
    clf = make().fit(*fashion)
    again = clf.fit(*lt5).predict_proba(lt5[0])
    assert_array_equal(again, make().fit(*lt5).predict_proba(lt5[0]))


def test_failed_refit_leaves_the_estimator_as_it_was(make, lt5):
    X, y = lt5
    clf = make().fit(X, y)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="diverged"):
        clf.set_params(optimizer="sgd", learning_rate=1e20, epochs=5).fit(X[:, :8], y)
    assert clf.n_features_in_ == 196
    assert_array_equal(clf.predict_proba(X), before)
