"""Stores recognise a backbone by its configuration and by the user's code in its layers."""

from types import FunctionType

import keras
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skfashion import Backbone, BackboneFeatures, memory_report
from skfashion._backbones.catalog import BUILT_IN
from skfashion._networks.architecture import BodyArchitecture
from skfashion._networks.graph import Graph
from skfashion._networks.layer_code import has_lambda
from tests.class_split import GTE5

TRANSFER = {"pretrain_classes": GTE5, "freeze_until": "features"}


def leaky(where, slope):
    """Return a backbone that uses a function of the user, which has a name, in one place."""

    def act(x):
        return keras.ops.leaky_relu(x, slope)

    class Act(keras.layers.Layer):
        def call(self, x):
            return act(x)

    def build(images):
        x, layers = images / 255, keras.layers
        activation = act if where == "activation" else None
        x = layers.Conv2D(16, 3, strides=2, activation=activation, name="conv")(x)
        if where == "lambda layer":
            x = layers.Lambda(act, name="act")(x)
        if where == "layer":
            x = Act(name="act")(x)
        if where == "inner layer":
            x = keras.Sequential([Act()], name="act")(x)
        return layers.Conv2D(16, 3, name="last")(x)

    return Backbone("leaky", build=build, stages=("conv", "last"), min_size=8)


@pytest.mark.parametrize("where", ["activation", "lambda layer", "layer", "inner layer"])
def test_functions_of_one_name_that_differ_in_a_closure(make, fashion, tmp_path, where):
    for slope in (0.1, 0.9):
        clf = make(backbone=leaky(where, slope), **TRANSFER, memory=tmp_path).fit(*fashion)
        alone = make(backbone=leaky(where, slope), **TRANSFER).fit(*fashion)
        assert_array_equal(clf.predict_proba(fashion[0]), alone.predict_proba(fashion[0]))
        features = BackboneFeatures(clf.backbone, random_state=0)
        shared = clone(features).set_params(memory=tmp_path).fit_transform(fashion[0])
        assert_array_equal(shared, features.fit_transform(fashion[0]))
    report = memory_report(tmp_path)
    assert (report["pretrainings_found"], report["pretrainings_computed"]) == (0, 2)


def test_a_regularizer_of_the_user_is_part_of_a_pretraining(make, fashion, tmp_path):
    def make_backbone(rate):
        def penalize(weights):
            return rate * keras.ops.sum(keras.ops.square(weights))

        def build(images):
            return keras.layers.Conv2D(4, 3, strides=2, kernel_regularizer=penalize, name="conv")(
                images / 255
            )

        return Backbone("penalized", build=build, stages=("conv",), min_size=8)

    for rate in (0.1, 0.9):
        make(backbone=make_backbone(rate), **TRANSFER, memory=tmp_path).fit(*fashion)
    assert memory_report(tmp_path)["pretrainings_computed"] == 2
    make(backbone=make_backbone(0.9), **TRANSFER, memory=tmp_path).fit(*fashion)
    assert memory_report(tmp_path)["pretrainings_computed"] == 2


def with_lambda(images):
    x = keras.layers.Conv2D(4, 3, strides=2, activation=lambda x: x * 0.5, name="conv")(images)
    return keras.layers.Activation("relu", name="relu")(x)


def with_lambda_layer(images):
    x = keras.layers.Conv2D(4, 3, strides=2, name="conv")(images)
    return keras.layers.Lambda(lambda x: x * 0.5, name="half")(x)


@pytest.mark.parametrize("folder", ["memory", "checkpoint"])
@pytest.mark.parametrize("build", [with_lambda, with_lambda_layer])
def test_a_lambda_is_an_error_with_or_without_its_source(make, fashion, tmp_path, build, folder):
    # Functions that a worker unpickles have no source.
    scope = {"keras": keras, "__name__": "users"}
    copy = FunctionType(build.__code__.replace(co_filename="<elsewhere>"), scope, build.__name__)
    for each in build, copy:
        backbone = Backbone("shortened", build=each, stages=("conv",), min_size=8)
        make(backbone=backbone, **TRANSFER).fit(*fashion)
        with pytest.raises(ValueError, match=r"'shortened' has a lambda.*Use a named function"):
            make(backbone=backbone, **TRANSFER, **{folder: tmp_path / folder}).fit(*fashion)
    # The error comes before the folder of checkpoints is tried, and before training.
    assert (tmp_path / folder).exists() == (folder == "memory")


@pytest.mark.parametrize("hold", [lambda act: act, lambda act: [act], lambda act: {"act": (act,)}])
def test_a_lambda_counts_by_the_attribute_that_holds_it(hold):
    layer = keras.layers.Layer()
    layer._private = hold(lambda x: x)
    assert not has_lambda(layer)
    layer.public = hold(lambda x: x)
    assert has_lambda(layer)


@pytest.mark.parametrize("backbone", BUILT_IN, ids=lambda backbone: backbone.name)
def test_a_backbone_that_ships_has_no_code_of_the_user(backbone):
    size = max(backbone.min_size, 32)
    graph = Graph(BodyArchitecture(backbone, (size, size, 1), None, "float32"))
    assert graph.user_code == {}
