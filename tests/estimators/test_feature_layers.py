"""`BackboneFeatures(layer=[...])`: the outputs of several layers side by side."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skfashion import Backbone, BackboneFeatures, load, model_card, save
from skfashion.model_selection import check_search


@pytest.mark.parametrize("pooling", ["average", "max", "flatten"])
@pytest.mark.parametrize("layer", [["conv2", 1], ("rescale", "features", -1)], ids=str)
def test_layers_are_side_by_side_in_the_order_given(fashion, layer, pooling):
    X = fashion[0][:9]
    features = BackboneFeatures(layer=layer, pooling=pooling, random_state=0).fit(X)
    alone = [
        BackboneFeatures(layer=each, pooling=pooling, random_state=0).fit_transform(X)
        for each in layer
    ]
    assert_array_equal(features.transform(X), np.hstack(alone))
    assert len(features.get_feature_names_out()) == sum(each.shape[1] for each in alone)


def test_a_list_of_one_is_that_layer(fashion):
    X = fashion[0][:9]
    one, listed = (
        BackboneFeatures(layer=layer, random_state=0).fit_transform(X) for layer in (1, [1])
    )
    assert_array_equal(listed, one)


def test_only_weights_of_the_deepest_layer_are_kept(fashion):
    X = fashion[0][:9]
    features = BackboneFeatures(layer=["rescale", "conv1"], random_state=0).fit(X)
    assert set(features._fitted.weights) == {"conv1/kernel", "conv1/bias"}


def with_relu(images):
    from keras import layers

    return layers.Conv2D(4, 3, activation="relu", name="only")(images)


# The last stage is the whole body.
ENDS_IN_STAGE = Backbone("ends_in_stage", build=with_relu, stages=("only",), min_size=8)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"layer": []}, r"layer=\[\] names no layer\. Give at least one, such as .*'conv1'"),
        ({"layer": ()}, r"layer=\(\) names no layer"),
        ({"layer": ["conv1", "conv"]}, r"layer='conv' is not one of .* Did you mean"),
        ({"layer": ["conv1", 3]}, "layer=3 is out of range"),
        ({"layer": [0]}, "layer=0 is not a stage"),
        ({"layer": [True]}, "layer=True is neither a name nor a number"),
        ({"layer": ["conv1", None]}, "must be a list of names and numbers of stages, got None"),
        ({"layer": ["conv1", ["conv2"]]}, r"got \['conv2'\] in it"),
        ({"layer": ["conv1", 2, "conv1"]}, "has 'conv1' more than once, as 'conv1'. Remove"),
        ({"layer": [2, "features"]}, "has 'features' more than once, as 2 and 'features'"),
        (
            {"layer": ["only", 1], "backbone": ENDS_IN_STAGE},
            r"has 'only' and 'features', which are one output of backbone 'ends_in_stage'",
        ),
    ],
    ids=lambda each: str(each if isinstance(each, str) else each["layer"]),
)
def test_bad_lists(fashion, params, message):
    with pytest.raises(ValueError, match=message):
        BackboneFeatures(**params).fit(fashion[0])
    search = GridSearchCV(
        make_pipeline(BackboneFeatures(), KNeighborsClassifier()),
        [{f"backbonefeatures__{name}": [value] for name, value in params.items()}],
    )
    with pytest.raises(ValueError, match=message):
        check_search(search, *fashion)


def test_a_list_is_a_hyperparameter(fashion):
    pipeline = make_pipeline(BackboneFeatures(random_state=0), KNeighborsClassifier())
    layers = [["conv1", "conv2"], "conv1", [1]]
    search = GridSearchCV(pipeline, {"backbonefeatures__layer": layers}, cv=2, refit=False)
    check_search(search, *fashion).fit(*fashion)
    assert [*search.cv_results_["param_backbonefeatures__layer"]] == layers
    both, first, listed = search.cv_results_["mean_test_score"]
    assert first == listed != both


def test_copies_files_pages_and_notebooks(fashion, tmp_path):
    X = fashion[0][:9]
    features = BackboneFeatures(layer=["conv2", 1], random_state=0).fit(X)
    expected = features.transform(X)
    assert_array_equal(clone(features).fit_transform(X), expected)
    save(features, tmp_path / "features.skf")
    loaded = load(tmp_path / "features.skf")
    assert loaded.layer == ["conv2", 1]
    assert_array_equal(loaded.transform(X), expected)
    assert repr(features) == "BackboneFeatures(layer=['conv2', 1], random_state=0)"
    for page in (features._repr_html_(), str(model_card(features))):
        assert "conv2" in page


def two_stages(images, activation):
    from keras import layers

    x = layers.Conv2D(4, 3, activation="relu", name="first")(images)
    return layers.Conv2D(4, 3, activation=activation, name="second")(x)


@pytest.mark.parametrize("layer", [["first", "second"], ["second", "first"]], ids=str)
def test_the_fingerprint_of_a_backbone_covers_all_layers(fashion, tmp_path, layer):
    saved, other = (
        Backbone(
            "two_stages",
            build=partial(two_stages, activation=activation),
            stages=("first", "second"),
            min_size=8,
        )
        for activation in ("relu", "tanh")
    )
    features = BackboneFeatures(saved, layer=layer, random_state=0).fit(fashion[0])
    save(features, tmp_path / "features.skf")
    loaded = load(tmp_path / "features.skf", backbones=[saved])
    assert_array_equal(loaded.transform(fashion[0]), features.transform(fashion[0]))
    with pytest.raises(ValueError, match="computes other features"):
        load(tmp_path / "features.skf", backbones=[other])
