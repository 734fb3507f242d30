"""Backbones of a user's own: passed or registered, compared with the file, and kept by `load`."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import skfashion
from skfashion import Backbone, BackboneFeatures, Recipe, load, save
from skfashion._backbones import registry
from skfashion._backbones.body_end import end_body_at
from skfashion._backbones.registry import get_backbone
from skfashion._persistence.backbones import decode_backbone, encode_backbone
from skfashion._persistence.file_format import read_document, write_document
from tests.residual import RESIDUAL, residual


@pytest.fixture(scope="module")
def of_residual(make, lt5):
    return make(backbone=RESIDUAL, epochs=0).fit(*lt5)


def other_residual(images):
    """The same weights, another meaning."""
    return residual(images) + 1


def wider(images):
    from keras import layers

    return layers.Conv2D(9, 3, strides=2, name="late_norm")(images)


def test_a_backbone_is_passed_or_registered(saved, of_residual, lt5, monkeypatch):
    expected = of_residual.predict_proba(lt5[0])
    loaded = saved(of_residual, backbones=[RESIDUAL])
    assert_array_equal(loaded.predict_proba(lt5[0]), expected)
    for names in ("_BACKBONES", "_UNREGISTERED"):
        others = {
            name: each for name, each in getattr(registry, names).items() if name != RESIDUAL.name
        }
        monkeypatch.setattr(registry, names, others)
    with pytest.raises(ValueError, match=r"a\.skf.*needs the backbone 'residual'.*backbones="):
        saved(of_residual)
    skfashion.register_backbone(RESIDUAL)
    assert_array_equal(saved(of_residual).predict_proba(lt5[0]), expected)


@pytest.mark.parametrize("backbone", [RESIDUAL, "small_resnet"])
def test_a_body_that_ends_early_is_the_same_body(saved, make, lt5, backbone):
    X, y = lt5
    clf = make(backbone=backbone, body_until=1, warm_start=True, epochs=0).fit(X, y)
    loaded = saved(clf, backbones=[RESIDUAL])
    # Equal architectures share a network, and training continues only with an equal one.
    assert loaded._fitted.architecture == clf._fitted.architecture
    assert loaded._fitted.whole_backbone == clf._fitted.whole_backbone
    assert_array_equal(loaded.fit(X, y).predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize("pooling", ["average", "normalized_average"])
def test_a_variant_of_a_backbone_that_ships_is_a_users_own(saved, make, lt5, pooling):
    variant = replace(get_backbone("small_cnn"), pooling=pooling)
    clf = make(backbone=variant, epochs=0).fit(*lt5)
    with pytest.raises(ValueError, match=r"'small_cnn' has pooling='flatten'.*backbones="):
        saved(clf)
    assert saved(clf, backbones=[variant]).backbone == variant


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"build": other_residual}, "computes other features"),
        ({"build": wider, "stages": ("late_norm",)}, "has stages="),
        ({"pooling": "flatten"}, "has pooling='flatten', and .* with pooling='average'"),
    ],
    ids=["features", "stages", "pooling"],
)
def test_another_backbone_of_this_name_is_an_error(saved, of_residual, changes, message):
    description = {"build": residual, "stages": RESIDUAL.stages, "min_size": 9, **changes}
    with pytest.raises(ValueError, match=rf"'residual' .*{message}.*backbones=\[BACKBONE\]"):
        saved(of_residual, backbones=[Backbone("residual", **description)])


def test_a_backbone_of_other_weights_is_an_error(saved, lt5):
    features = BackboneFeatures(
        Backbone("one", build=wider, stages=("late_norm",), min_size=8), random_state=0
    ).fit(lt5[0])

    def narrow(images):
        from keras import layers

        return layers.Conv2D(3, 3, strides=2, name="late_norm")(images)

    message = r"has no weights 'late_norm/kernel' of its shape.* backbones=\[BACKBONE\]"
    with pytest.raises(ValueError, match=message):
        saved(
            features, backbones=[Backbone("one", build=narrow, stages=("late_norm",), min_size=8)]
        )


@pytest.mark.parametrize("min_size", [8, 10])
def test_the_smallest_image_is_that_of_the_fit(saved, of_residual, min_size):
    changed = replace(RESIDUAL, min_size=min_size)
    assert saved(of_residual, backbones=[changed]).backbone.min_size == RESIDUAL.min_size


@pytest.mark.parametrize("size", ["pretrained_size", "default_size"])
def test_a_fit_to_few_images_loads_with_a_backbone_of_smaller_default_sizes(
    saved, make, lt5, residual_path, size
):
    whole = replace(RESIDUAL, pretrained_size=20)
    clf = make(backbone=whole, weights=residual_path, epochs=0, input_size=None).fit(*lt5)
    assert clf._fitted.architecture.backbone.min_size == 20
    loaded = saved(clf, backbones=[replace(RESIDUAL, **{size: 12})])
    assert_array_equal(loaded.predict_proba(lt5[0]), clf.predict_proba(lt5[0]))


@pytest.mark.parametrize(
    ("change", "loads"),
    [
        (lambda features: features + 5e-4 * np.abs(features).max(), True),
        (lambda features: features + 2e-3 * np.abs(features).max(), False),
        (lambda features: features[:, :1], False),
        (lambda features: features[:, :3], False),
        (lambda features: np.concatenate([features, features], axis=1), False),
    ],
    ids=["near", "far", "one", "fewer", "more"],
)
def test_features_of_a_backbone_may_differ_by_rounding_only(of_residual, tmp_path, change, loads):
    path = tmp_path / "a.skf"
    save(of_residual, path)
    document, arrays = read_document(path)
    (name,) = [name for name in arrays if name.endswith("fingerprint")]
    write_document(path, document, {**arrays, name: change(arrays[name])})
    if loads:
        load(path, backbones=[RESIDUAL])
        return
    with pytest.raises(ValueError, match="computes other features"):
        load(path, backbones=[RESIDUAL])


# -- Names -------------------------------------------------------------------------------------


@pytest.fixture
def names(monkeypatch):
    """Set the backbones that a name finds: by default only the built-in ones."""

    def names(*registered):
        known = {each.name: each for each in (*registry.BUILT_IN, *registered)}
        monkeypatch.setattr(registry, "_BACKBONES", known)
        monkeypatch.setattr(registry, "_UNREGISTERED", {})

    return names


def test_a_loaded_estimator_finds_the_backbone_of_its_name(saved, make, lt5, names):
    X, y = lt5
    names(RESIDUAL)
    clf = make(backbone="residual", warm_start=True, epochs=0).fit(X, y)
    expected = clf.predict_proba(X)
    names()
    loaded = saved(clf, backbones=[replace(RESIDUAL, name="other"), RESIDUAL])
    assert [*registry._UNREGISTERED] == ["residual"]
    for fitted in (loaded.fit(X, y), clone(loaded).fit(X, y)):
        assert_array_equal(fitted.predict_proba(X), expected)
    assert not np.array_equal(loaded.partial_fit(X, y).predict_proba(X), expected)
    # Worker processes of a search find it, too.
    state = pickle.dumps(loaded)
    names()
    assert_array_equal(clone(pickle.loads(state)).fit(X, y).predict_proba(X), expected)


@pytest.mark.parametrize("kind", [list, np.array])
def test_names_in_grids_are_found(saved, make, lt5, names, kind):
    names(RESIDUAL)
    search = GridSearchCV(make(epochs=0), [{"backbone": kind(["small_cnn", "residual"])}], cv=2)
    names()
    assert saved(search, backbones=[RESIDUAL]).fit(*lt5).best_params_["backbone"]


def test_a_registered_backbone_is_not_replaced(saved, make, names):
    names(RESIDUAL)
    saved(make(backbone="residual"), backbones=[replace(RESIDUAL, hidden_units=8)])
    assert get_backbone("residual") is RESIDUAL


def test_a_file_that_cannot_be_loaded_keeps_no_backbone(saved, make, lt5, names):
    names(RESIDUAL)
    clf = make(backbone="residual", epochs=0).fit(*lt5)
    names()
    with pytest.raises(ValueError, match="computes other features"):
        saved(clf, backbones=[replace(RESIDUAL, build=other_residual)])
    assert not registry._UNREGISTERED


# -- Changed copies of backbones that ship -----------------------------------------------------

TRAINING = {"hidden_units": 8, "default_size": 24, "from_scratch": Recipe(schedule="cosine")}


def small(images):
    return get_backbone("small_cnn").build(images) + 1


@pytest.fixture
def fitted_copy(make, lt5):
    """Return a copy of the small CNN with changes, and a classifier that was fitted with it."""

    def fitted_copy(**changes):
        copy = replace(get_backbone("small_cnn"), **changes)
        return copy, make(backbone=copy, epochs=0).fit(*lt5)

    return fitted_copy


@pytest.mark.parametrize(
    "changes",
    [
        TRAINING,
        {"build": small},
        {"min_size": 9, "default_freeze": "conv1"},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_a_changed_copy_is_kept(saved, fitted_copy, lt5, changes):
    copy, clf = fitted_copy(**changes)
    loaded = saved(clf, backbones=[copy])
    assert loaded.backbone == copy
    assert loaded._fitted.architecture == clf._fitted.architecture
    assert loaded._fitted.whole_backbone == clf._fitted.whole_backbone
    assert_array_equal(loaded.predict_proba(lt5[0]), clf.predict_proba(lt5[0]))


def test_without_a_copy_of_other_training_defaults_there_is_a_warning(saved, fitted_copy, lt5):
    _, clf = fitted_copy(**TRAINING)
    with pytest.warns(UserWarning, match=r"a changed copy of backbone 'small_cnn'.*backbones="):
        loaded = saved(clf)
    assert loaded.backbone == get_backbone("small_cnn")
    assert_array_equal(loaded.predict_proba(lt5[0]), clf.predict_proba(lt5[0]))


@pytest.mark.filterwarnings("ignore:The estimator was saved with a changed copy")
def test_without_a_copy_of_other_layers_there_is_an_error(saved, fitted_copy):
    _, clf = fitted_copy(build=small)
    with pytest.raises(ValueError, match=r"'small_cnn' ships .* another one.*backbones="):
        saved(clf)


def as_an_earlier_version_wrote_it(coded):
    """Change the description of a copy: it shipped, and had no default freeze point."""
    if "ships" not in coded:
        return coded
    assert (coded.pop("ships"), coded.pop("default_freeze")) == (False, "features")
    return {**coded, "ships": True}


@pytest.mark.parametrize("passes", [True, False])
def test_earlier_files_of_copies_load(fitted_copy, lt5, tmp_path, passes):
    path = tmp_path / "a.skf"
    copy, clf = fitted_copy(**TRAINING)
    save(clf, path)
    document, arrays = read_document(path)
    earlier = json.loads(json.dumps(document), object_hook=as_an_earlier_version_wrote_it)
    assert earlier != document
    write_document(path, earlier, arrays)
    loaded = load(path, backbones=[copy] * passes)
    assert_array_equal(loaded.predict_proba(lt5[0]), clf.predict_proba(lt5[0]))


def test_a_copy_with_fewer_stages_is_found():
    copy = replace(get_backbone("small_cnn"), stages=("conv1",))
    assert decode_backbone(encode_backbone(copy), [copy]) == copy


@pytest.mark.parametrize("body_until", [None, 1, 4])
def test_what_fit_changes_for_few_images_is_kept(body_until):
    of_few = replace(get_backbone("inception_v3"), min_size=96, default_freeze="mixed0")
    backbone = end_body_at(of_few, body_until)
    coded = json.loads(json.dumps(encode_backbone(backbone)))
    assert coded["ships"]
    assert decode_backbone(coded, ()) == backbone
