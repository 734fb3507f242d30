"""What a `Backbone` may be: names of layers, and outputs that are no feature map."""

import keras
import numpy as np
import pytest
from keras import layers
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Backbone, BackboneFeatures, TransferClassifier
from tests.flat_bodies import tokens, vectors


def backbone(build, stages=("conv",), **facts):
    return Backbone("mine", build=build, stages=stages, min_size=8, **facts)


@pytest.mark.parametrize("name", ["größe 1", "a b", "a:b", "_a", "-a", "a/b", "a\\b", "a\n", ""])
def test_a_stage_that_tensorflow_cannot_name_is_refused_at_once(name):
    with pytest.raises(ValueError, match=r"Backbone 'mine' has a layer that is called .* Rename"):
        backbone(lambda images: images, stages=("conv", name))


@pytest.mark.parametrize("name", ["conv", "Conv.1", "a_b-c>d", "1x1", ".a"])
def test_a_stage_that_tensorflow_can_name_fits_and_predicts(lt5, name):
    def build(images):
        return layers.Conv2D(2, 3, strides=4, name=name)(images)

    clf = TransferClassifier(backbone(build, (name,)), epochs=1, random_state=0).fit(*lt5)
    assert clf.predict(lt5[0]).shape == (100,)


@pytest.mark.parametrize("estimator", [TransferClassifier, BackboneFeatures])
def test_a_layer_that_is_no_stage_needs_a_valid_name_too(lt5, estimator):
    def build(images):
        return layers.Conv2D(2, 3, name="conv")(layers.Conv2D(2, 3, name="größe 1")(images))

    with pytest.raises(ValueError, match=r"Backbone 'mine' has a layer that is called 'größe 1'"):
        estimator(backbone(build)).fit(*lt5)


def test_an_error_in_build_names_the_backbone(lt5):
    def build(images):
        return layers.Conv2D(2, 3, name="conv/1")(images)

    with pytest.raises(ValueError, match="conv/1") as caught:
        TransferClassifier(backbone(build)).fit(*lt5)
    assert caught.value.__notes__ == ["This happened in build(images) of backbone 'mine'."]


class Block(keras.layers.Layer):
    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(2, 3, strides=4, name=inner)

    def build(self, shape):
        self.conv.build(shape)

    def call(self, images):
        return self.conv(images)

    def compute_output_shape(self, shape):
        return self.conv.compute_output_shape(shape)


def test_a_layer_inside_a_layer_needs_a_valid_name_too(lt5):
    def build(inner):
        return lambda images: Block(inner, name="conv")(images)

    with pytest.raises(ValueError, match="layer, inside layer 'conv', that is called 'innen ä'"):
        TransferClassifier(backbone(build("innen ä"))).fit(*lt5)
    TransferClassifier(backbone(build("_inner")), epochs=1).fit(*lt5).predict(lt5[0])


def test_a_hidden_layer_has_a_width():
    with pytest.raises(
        ValueError, match=r"hidden_units must be .* 0, got -1\. Give .* 0 for no hidden"
    ):
        backbone(lambda images: images, hidden_units=-1)


TOKENS = backbone(tokens, ("patches", "mix"))
VECTORS = backbone(vectors, ("patches",))


def test_tokens_are_averaged(lt5):
    X, _ = lt5
    flat = BackboneFeatures(TOKENS, pooling="flatten", random_state=0).fit_transform(X)
    assert flat.shape == (100, 9 * 5)
    for pooling, function in (("average", np.mean), ("max", np.max)):
        pooled = BackboneFeatures(TOKENS, pooling=pooling, random_state=0).fit_transform(X)
        assert_allclose(pooled, function(flat.reshape(100, 9, 5), axis=1), rtol=1e-5)


def test_a_vector_stays_as_it_is(lt5):
    poolings = ("average", "max", "flatten")
    results = [
        BackboneFeatures(VECTORS, pooling=p, random_state=0).fit_transform(lt5[0]) for p in poolings
    ]
    assert results[0].shape == (100, 6)
    for other in results[1:]:
        assert_array_equal(other, results[0])


@pytest.mark.parametrize("pooling", ["average", "normalized_average", "flatten"])
@pytest.mark.parametrize("body", [TOKENS, VECTORS], ids=["tokens", "vectors"])
def test_a_classifier_learns_from_tokens_and_vectors(fashion, body, pooling):
    body = backbone(body.build, body.stages, pooling=pooling)
    params = {
        "random_state": 0,
        "epochs": 3,
        "batch_size": 128,
        "pretrain_classes": [5, 6, 7, 8, 9],
        "pretrain_epochs": 1,
    }
    clf = TransferClassifier(body, freeze_until="features", **params).fit(*fashion)
    assert clf.history_["loss"][-1] < clf.history_["loss"][0]
    n_inputs = clf.model_.get_layer("network").get_layer("dense").kernel.shape[0]
    channels = 5 if body.build is tokens else 6
    assert n_inputs == (9 * 5 if body.build is tokens and pooling == "flatten" else channels)
    assert_allclose(clf.model_(fashion[0]), clf.predict_proba(fashion[0]), atol=1e-5)


def with_a_second_input(images):
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, name="conv")(images))
    return layers.Concatenate()([x, keras.Input((3,))])


def of_rank_five(images):
    return layers.Reshape((12, 12, 2, 1))(layers.Conv2D(2, 3, name="conv")(images))


WRONG = {
    "a second input": (with_a_second_input, "returned one with another input"),
    "nothing": (lambda images: None, "returned None"),
    "two outputs": (lambda images: [images, images], r"returned \[<KerasTensor"),
    "not of the images": (lambda images: keras.Input((4, 4, 2)), "with another input"),
    "rank 5": (of_rank_five, r"returned one of shape \(None, 12, 12, 2, 1\)"),
    "rank 1": (lambda images: keras.ops.sum(images, axis=(1, 2, 3)), r"one of shape \(None,\)"),
}


@pytest.mark.parametrize("estimator", [TransferClassifier, BackboneFeatures])
@pytest.mark.parametrize("name", WRONG)
def test_other_outputs_are_refused_by_name(lt5, estimator, name):
    build, message = WRONG[name]
    with pytest.raises(ValueError, match=rf"Backbone 'mine': build\(images\) must .*{message}"):
        estimator(backbone(build)).fit(*lt5)


def test_a_layer_without_such_a_pooling_is_named(lt5):
    def build(images):
        x = layers.Conv2D(2, 3, name="conv")(images)
        x = layers.Reshape((12, 12, 2, 1), name="deep")(x)
        return layers.Reshape((12, 12, 2))(x)

    features = BackboneFeatures(backbone(build), layer="deep")
    with pytest.raises(ValueError, match=r"layer='deep' .* 'mine', .* no average .*flatten"):
        features.fit(lt5[0])
    assert features.set_params(pooling="flatten").fit_transform(lt5[0]).shape == (100, 12 * 12 * 2)
