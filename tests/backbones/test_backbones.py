"""Backbones of a user's own: everything works for them as for the small CNN."""

import pickle
from dataclasses import replace
from threading import Lock

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import (
    Backbone,
    BackboneFeatures,
    TransferClassifier,
    list_backbones,
    register_backbone,
)
from skfashion._backbones import registry as _backbones
from tests.class_split import GTE5
from tests.programs import run_program
from tests.residual import RESIDUAL, residual

POINTS = [0, "stem", "norm", "late_norm", "features", 1, 2, -1, "dense"]


@pytest.mark.parametrize(
    ("augmentation", "freeze_until"),
    [
        *((None, point) for point in POINTS),
        # The other points are other names for one of these.
        *(("shift", point) for point in (0, "stem", "norm", "features", "dense")),
        *(pytest.param("shift", p, marks=pytest.mark.slow) for p in ("late_norm", 1, 2, -1)),
    ],
)
def test_frozen_statistics_stay_and_later_ones_move(
    make, fashion, freeze_until, augmentation, weights_of
):
    shared = {"backbone": RESIDUAL, "pretrain_classes": GTE5, "freeze_until": freeze_until}
    shared |= {"augmentation": augmentation, "batch_size": 32}
    before = make(epochs=0, **shared).fit(*fashion)
    after = make(epochs=1, **shared).fit(*fashion)
    depth = {0: 0, "stem": 1, 1: 1, "norm": 2, 2: 2, -1: 2}.get(freeze_until, 3)
    weights, start = weights_of(after), weights_of(before)
    for n, layer in enumerate(("stem/kernel", "norm/moving_mean", "late_norm/moving_variance")):
        same = np.array_equal(weights[layer], start[layer])
        assert same == (n < depth), layer
    assert after.predict_proba(fashion[0]).shape == (200, 5)


def test_every_weight_is_drawn_from_the_seed(make, lt5, weights_of):
    one, other = (
        weights_of(make(backbone=RESIDUAL, epochs=0, random_state=seed).fit(*lt5))
        for seed in (0, 1)
    )
    for path, weight in one.items():
        if path.endswith("kernel"):
            assert not np.array_equal(weight, other[path]), path


def test_constraints_hold(make, lt5, weights_of):
    clf = make(backbone=RESIDUAL, learning_rate=0.05).fit(*lt5)
    assert weights_of(clf)["conv/kernel"].min() >= 0


@pytest.mark.parametrize("point", ["conv", "depthwise"])
def test_a_branch_is_no_freeze_point(make, lt5, point):
    with pytest.raises(
        ValueError, match=rf"freeze_until='{point}' is not a freeze point: other paths"
    ):
        make(backbone=RESIDUAL, freeze_until=point).fit(*lt5)


def test_flat_rows_are_the_images_whatever_the_backbone_takes(make, lt5):
    X, y = lt5
    large = replace(RESIDUAL, name="large", min_size=32)
    flat = make(backbone=large, epochs=1).fit(X.reshape(len(X), -1), y)
    assert flat.image_shape_ == (14, 14, 1)
    images = make(backbone=large, epochs=1).fit(X, y)
    assert_array_equal(flat.predict_proba(X), images.predict_proba(X))
    assert flat._fitted.architecture.body_size == (32, 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pooling": "max"}, r"'max' is not one of \['flatten', 'average', 'normalized_average'\]"),
        ({"stages": ()}, "stages must be names of layers"),
        ({"stages": ["features", "stem"]}, "has 'features' before the last stage, but .* Give the"),
        ({"few_images_body_until": "stem"}, r"must be 'auto' or None, got 'stem'\. Name a stage"),
        ({"few_images_freeze": "steam"}, r"few_images_freeze='steam' .* \['stem', 'features'\]"),
        ({"pretrained_size": 7}, "pretrained_size=7 is smaller than min_size=8, .* or None"),
        ({"stages": "stem"}, r"stages must be a sequence .* got 'stem'\. Write stages=\('stem',\)"),
        ({"build": None}, "build must be a function .* got None. Pass"),
        ({"min_size": "8"}, "min_size must be an integer of at least 1, got '8'. Give"),
        ({"channels": 0}, "channels must be an integer of at least 1, got 0. Give .* or None"),
        ({"hidden_units": None}, "hidden_units must be an integer of at least 0, got None. Give"),
        ({"fine_tuning": {}}, r"fine_tuning must be a Recipe, got {}\. Pass Recipe"),
    ],
)
def test_backbone_is_checked(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Backbone(**{"name": "b", "build": residual, "stages": ["stem"], "min_size": 8, **change})
    assert Backbone("b", build=residual, stages=["stem"], min_size=8).stages == ("stem",)


def test_names_of_the_head_are_taken(make, lt5):
    def output(images):
        from keras import layers

        return layers.Conv2D(4, 3, name="output")(images)

    backbone = Backbone("clash", build=output, stages=("output",), min_size=8)
    with pytest.raises(
        ValueError, match=r"layers that are called \['output'\], as layers of the h"
    ):
        make(backbone=backbone).fit(*lt5)


@pytest.mark.parametrize("stages", [("stem", "conv7"), ("norm", "stem")])
def test_stages_must_be_in_the_graph_in_order(make, lt5, stages):
    wrong = Backbone("wrong", build=residual, stages=stages, min_size=9)
    with pytest.raises(ValueError, match=r"has stages=.* names of these, from input to output"):
        make(backbone=wrong).fit(*lt5)


def test_the_last_stage_closes_the_body(make, lt5):
    early = replace(RESIDUAL, stages=("stem", "norm"))
    with pytest.raises(
        ValueError, match=r"after its last stage, 'norm': \['conv', .*'late_norm'\]"
    ):
        make(backbone=early).fit(*lt5)


def test_weights_that_a_body_loads_itself_are_refused(make, lt5):
    def loaded(images):
        features = small(images)
        body = keras.Model(images, features)
        body.set_weights([np.ones(weight.shape) for weight in body.weights])
        return features

    row = Backbone("loaded", build=loaded, stages=("conv",), min_size=9)
    with pytest.raises(ValueError, match=r"'loaded' loads weights .* weights=PATH"):
        make(backbone=row).fit(*lt5)


def test_input_size_below_the_smallest(make, lt5):
    with pytest.raises(ValueError, match=r"input_size=4 is smaller than .* 8 pixels a side"):
        make(input_size=4).fit(*lt5)


def test_default_name_is_in_the_parameters():
    assert TransferClassifier(backbone=RESIDUAL).get_params()["backbone"] is RESIDUAL


def test_the_head_averages_the_feature_map(make, lt5, tmp_path, weights_of):
    clf = make(backbone=RESIDUAL, hidden_units=0, epochs=1).fit(*lt5)
    body = tmp_path / "body.weights.h5"
    clf.save_backbone_weights(body)
    features = BackboneFeatures(RESIDUAL, weights=body, pooling="average").fit_transform(lt5[0])
    weights = weights_of(clf)
    odds = np.exp(features @ weights["output/kernel"] + weights["output/bias"])
    expected = odds / odds.sum(axis=1, keepdims=True)
    assert_allclose(clf.predict_proba(lt5[0]), expected, rtol=1e-4)


def test_the_head_can_normalise_the_average_of_each_image(make, lt5, tmp_path, weights_of):
    row = replace(RESIDUAL, pooling="normalized_average")
    clf = make(backbone=row, hidden_units=0, epochs=1).fit(*lt5)
    body = tmp_path / "body.weights.h5"
    clf.save_backbone_weights(body)
    features = BackboneFeatures(RESIDUAL, weights=body, pooling="average").fit_transform(lt5[0])
    features -= features.mean(axis=1, keepdims=True)
    # Keras' layer adds 0.001 to the variance.
    features /= np.sqrt(features.var(axis=1, keepdims=True) + 1e-3)
    weights = weights_of(clf)
    odds = np.exp(features @ weights["output/kernel"] + weights["output/bias"])
    expected = odds / odds.sum(axis=1, keepdims=True)
    assert_allclose(clf.predict_proba(lt5[0]), expected, rtol=1e-3)


def bright(images):
    """A body whose features are in the thousands."""
    return 1000 * small(images)


def small(images):
    from keras import layers

    return layers.Conv2D(8, 5, strides=4, activation="relu", name="conv")(images / 255)


def test_the_head_can_normalise_what_it_averages(make, lt5):
    first_loss = {}
    for pooling in ("average", "normalized_average"):
        row = Backbone("bright", build=bright, stages=("conv",), min_size=9, pooling=pooling)
        clf = make(backbone=row, hidden_units=0, epochs=1, freeze_until="features").fit(*lt5)
        first_loss[pooling] = clf.history_["loss"][0]
    assert first_loss["average"] > 20
    assert first_loss["normalized_average"] < 3


class Doubled(keras.layers.Layer):
    """A layer of a user's own, without a configuration."""

    def __init__(self, factor):
        super().__init__(name="doubled")
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


def with_own_layers(images):
    layers = keras.layers
    x = layers.Conv2D(4, 3, strides=4, name="conv")(images / 255)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Lambda(lambda tensor: tensor * 0.5, name="halved")(x)
    return Doubled(2.0)(x)


def test_a_model_keeps_layers_that_keras_could_not_build_again(make, lt5):
    row = Backbone("own_layers", build=with_own_layers, stages=("conv", "norm"), min_size=9)
    clf = make(backbone=row, epochs=1).fit(*lt5)
    images = lt5[0][..., None]
    assert_allclose(clf.model_.predict(images, verbose=0), clf.predict_proba(lt5[0]), atol=1e-5)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(_backbones, "_BACKBONES", dict(_backbones._BACKBONES))
    register_backbone(RESIDUAL)
    return RESIDUAL.name


def test_registered_by_name(make, lt5, registered):
    assert list_backbones()[-1] == registered
    by_name = make(backbone=registered).fit(*lt5)
    by_row = make(backbone=RESIDUAL).fit(*lt5)
    assert_array_equal(by_name.predict_proba(lt5[0]), by_row.predict_proba(lt5[0]))
    features = BackboneFeatures(registered, layer="norm", random_state=0).fit_transform(lt5[0])
    assert features.shape == (100, 4)


def test_registered_travels_with_a_pickle(make, registered, monkeypatch):
    state = pickle.dumps(make(backbone="small_cnn"))
    monkeypatch.setattr(_backbones, "_BACKBONES", {"small_cnn": _backbones.BUILT_IN[0]})
    monkeypatch.setattr(_backbones, "_UNREGISTERED", {})
    pickle.loads(state)
    assert _backbones.get_backbone(registered) == RESIDUAL
    assert list_backbones() == ["small_cnn"]


def test_workers_know_the_last_of_a_name(registered, monkeypatch):
    monkeypatch.setattr(_backbones, "_UNREGISTERED", {})
    old = pickle.dumps(TransferClassifier(registered))
    register_backbone(replace(RESIDUAL, min_size=12), overwrite=True)
    new = pickle.dumps(TransferClassifier(registered))
    monkeypatch.setattr(_backbones, "_BACKBONES", {})
    for state, size in ((old, 9), (new, 12)):
        pickle.loads(state)
        assert _backbones.get_backbone(registered).min_size == size


def test_a_pickle_loads_where_what_is_registered_is_not_known(tmp_path):
    program = """
import sys, pickle
folder, path = sys.argv[1:]
sys.path.insert(0, folder)
import elsewhere
from skfashion import Backbone, TransferClassifier, register_backbone
register_backbone(Backbone("theirs", elsewhere.build, stages=("conv",), min_size=8))
pickle.dump(TransferClassifier(epochs=3), open(path, "wb"))
"""
    (tmp_path / "elsewhere.py").write_text("def build(images):\n    return images\n")
    path = tmp_path / "clf.pickle"
    run_program(program, tmp_path, path)
    assert pickle.loads(path.read_bytes()).epochs == 3


def test_what_cannot_be_pickled_does_not_stand_in_the_way(make, registered):
    lock = Lock()
    register_backbone(Backbone("local", lambda images: (lock, images)[1], ("x",), min_size=8))
    assert pickle.loads(pickle.dumps(make())).get_params() == make().get_params()


def test_register_refuses(registered):
    with pytest.raises(TypeError, match=r"backbone must be a Backbone, got str\. Make one"):
        register_backbone("vgg16")
    register_backbone(RESIDUAL)
    other = replace(RESIDUAL, build=_backbones.get_backbone("small_cnn").build, stages=("conv1",))
    with pytest.raises(
        ValueError, match=r"Another backbone 'residual' is registered.* overwrite=True"
    ):
        register_backbone(other)
    register_backbone(other, overwrite=True)
    assert _backbones.get_backbone("residual") is other
    with pytest.raises(ValueError, match="Backbone 'vgg16' ships with skfashion"):
        register_backbone(replace(RESIDUAL, name="vgg16"), overwrite=True)


def test_a_function_that_is_defined_anew_takes_its_place(registered):
    def again(images):
        return images

    again.__module__, again.__qualname__ = residual.__module__, residual.__qualname__
    anew = replace(RESIDUAL, build=again)
    register_backbone(anew)
    assert _backbones.get_backbone("residual") is anew


def test_lambdas_and_local_functions_differ_by_code_and_by_values_from_outside(registered):
    def scaled(factor):
        return Backbone("scaled", build=lambda x: x * factor, stages=("stem",), min_size=8)

    register_backbone(scaled(2))
    again = scaled(2)
    register_backbone(again)
    assert _backbones.get_backbone("scaled") is again
    shifted = replace(again, build=lambda x: x + 2)
    for other in (scaled(3), shifted):
        with pytest.raises(ValueError, match="Another backbone 'scaled' is registered"):
            register_backbone(other)


def test_a_stage_that_build_does_not_add_is_named_with_a_body_that_ends_there(make, lt5):
    missing = replace(RESIDUAL, stages=("absent", *RESIDUAL.stages), name="missing")
    with pytest.raises(ValueError, match=r"has the stage 'absent' in stages, .* Correct stages"):
        make(backbone=missing, body_until="absent").fit(*lt5)


def test_representation_leaves_defaults_out():
    assert repr(RESIDUAL).startswith("Backbone(name='residual', build=<function residual at")
    assert "fine_tuning" not in repr(RESIDUAL)
    assert "default_freeze='block3_pool'" in repr(_backbones.get_backbone("vgg16"))
