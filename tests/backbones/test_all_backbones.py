"""One sweep over the table: what holds for one backbone holds for all."""

import pickle

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Backbone, TransferClassifier, list_backbones
from skfashion._backbones.registry import get_backbone
from skfashion._networks.architecture import Architecture, BodyArchitecture
from skfashion._networks.graph import Graph
from skfashion._networks.network import Network, get_network
from skfashion.model_selection import freeze_points
from tests.residual import RESIDUAL

PRETRAINED = [name for name in list_backbones() if get_backbone(name).channels == 3]
SMALL = ["small_cnn", "small_resnet"]
NAMES = [*PRETRAINED, *SMALL]
MODULES = {
    "vgg16": keras.applications.vgg16,
    "resnet50": keras.applications.resnet50,
    "inception_v3": keras.applications.inception_v3,
    "densenet121": keras.applications.densenet,
    "efficientnet_b0": keras.applications.efficientnet,
    "efficientnet_v2_b0": keras.applications.efficientnet_v2,
    "mobilenet_v2": keras.applications.mobilenet_v2,
    "convnext_tiny": keras.applications.convnext,
}


@pytest.fixture(scope="module")
def tiny():
    """Real images of two classes: 12 of each."""
    from skfashion.datasets import load_fashion_sample

    X, y = load_fashion_sample(return_X_y=True)
    rows = np.concatenate([np.flatnonzero(y == label)[:12] for label in (1, 8)])
    return X[rows], y[rows]


def rgb(images):
    from keras import layers

    x = layers.Conv2D(4, 3, strides=4, name="conv")(images / 255)
    return layers.Conv2D(4, 3, strides=2, name="late_conv")(x)


# Like the pretrained ones it takes three channels, and images that are not too small.
RGB = Backbone("rgb", build=rgb, stages=("conv", "late_conv"), min_size=32, channels=3)
# Tracing the training of large backbones at every depth takes minutes in all: the fast suite runs
# small ones instead, which are plain or have batch normalisation and branches.
FITTED = [
    *(get_backbone("small_cnn"), RESIDUAL, RGB),
    *(
        pytest.param(get_backbone(name), marks=pytest.mark.slow)
        for name in [*PRETRAINED, "small_resnet"]
    ),
]


def quick(backbone, **params):
    return TransferClassifier(
        backbone, **{"epochs": 1, "batch_size": 12, "hidden_units": 8, "random_state": 0, **params}
    )


def test_the_table_is_complete():
    assert set(list_backbones()) == {*SMALL, *MODULES}


# pytest runs all tests of one backbone before those of the next: each graph is built once.
@pytest.fixture(scope="module", params=NAMES)
def network(request):
    """The network of each backbone: on small photographs, or on small grey images."""
    backbone = get_backbone(request.param)
    shape = (80, 80, 3) if backbone.channels == 3 else (28, 28, 1)
    return Network(Architecture(backbone, shape, None, "float32", 2, 8, 0.5, 0.25))


def test_averages_of_batch_statistics_move_by_a_tenth(network):
    momenta = {
        layer.momentum
        for layer in network.body._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    without = {"small_cnn", "vgg16", "convnext_tiny"}
    assert momenta == (set() if network.architecture.backbone.name in without else {0.9})


def test_every_stage_is_a_cut(network):
    backbone = network.architecture.backbone
    assert network.body.layers[-1].name in (backbone.stages[-1], "pool")
    everything = set(network.shapes)
    before = set()
    for stage in backbone.stages:
        front, back = network.split_at(stage)
        frozen, rest = ({v.path for v in part.weights} for part in (front, back))
        assert frozen | rest == everything
        assert not frozen & rest
        assert before <= frozen
        before = frozen
        behind = {network.depth_from_head[path] for path in frozen}
        assert behind <= set(range(len(backbone.stages) - 1 - backbone.stages.index(stage), 99))


def test_every_point_is_another_cut_from_nothing_to_the_whole_body(network):
    points = freeze_points(network.architecture.backbone.name, head=True)
    depths = [network.count_frozen_stages(network.resolve_freeze_point(point)) for point in points]
    assert depths == list(range(len(points)))
    assert network.resolve_freeze_point(points[0]) is None
    fronts = [network.split_at(network.resolve_freeze_point(point))[0] for point in points[1:]]
    assert len({front.outputs[0].name for front in fronts}) == len(fronts)


# Equal places of equal names, so that pytest still runs all tests of one backbone together.
of_pretrained = pytest.mark.parametrize("network", PRETRAINED, indirect=True, scope="module")


@of_pretrained
def test_preprocessing_is_that_of_keras(network):
    body, name = network.body, network.architecture.backbone.name
    images = np.random.default_rng(0).uniform(0, 255, (3, 80, 80, 3)).astype("float32")
    expected = MODULES[name].preprocess_input(images.copy())
    names = [layer.name for layer in body.layers]
    found = images
    if "preprocess" in names:
        found = keras.Model(body.inputs[0], body.get_layer("preprocess").output).predict(
            images, verbose=0
        )
    assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    inside = name in ("efficientnet_b0", "efficientnet_v2_b0", "convnext_tiny")
    assert ("preprocess" in names) != inside
    if inside:
        (layer,) = (part for part in body.layers if isinstance(part, keras.layers.Normalization))
        normalised = keras.Model(body.inputs[0], layer.output).predict(images, verbose=0)
        mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        assert_allclose(normalised, (images / 255 - mean) / std, rtol=1e-4, atol=1e-5)


@of_pretrained
def test_the_body_is_that_of_keras(network):
    body, name = network.body, network.architecture.backbone.name
    constructor = getattr(keras.applications, get_backbone(name).build.constructor)
    theirs = constructor(include_top=False, weights=None, input_shape=(80, 80, 3))
    ours = [tuple(v.shape) for v in body.weights]
    normalization = sum(
        len(layer.weights)
        for layer in theirs.layers
        if isinstance(layer, keras.layers.Normalization)
    )
    assert ours == [tuple(v.shape) for v in theirs.weights][normalization:]
    assert body.output.shape == theirs.output.shape


@pytest.mark.parametrize("backbone", FITTED, ids=lambda backbone: backbone.name)
def test_fits_at_every_freeze_depth(backbone, tiny):
    """From nothing frozen to all of the body: frozen bits stay, and copies predict the same."""
    X, y = tiny
    # The private dictionary: a Keras model for each depth would cost more than the fits.
    start = quick(backbone, epochs=0).fit(X, y)._fitted.weights
    for depth in range(len(backbone.stages) + 1):
        clf = quick(backbone, freeze_until=depth).fit(X, y)
        front, _ = get_network(clf._fitted.architecture).split_at(clf.freeze_point_)
        frozen = set() if front is None else {variable.path for variable in front.weights}
        assert bool(frozen) == (depth > 0)
        for path, weight in clf._fitted.weights.items():
            same = weight.tobytes() == start[path].tobytes()
            assert same or path not in frozen, path
        moved = {
            path for path in start if not np.array_equal(clf._fitted.weights[path], start[path])
        }
        assert any("output" in path for path in moved)
        assert depth == len(backbone.stages) or len(moved) > 4
        probabilities = clf.predict_proba(X)
        assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), probabilities)


SHAPES = [(8, 8), (9, 40, 3), (64, 64), (120, 96, 3)]
LARGE = [get_backbone("vgg16"), get_backbone("mobilenet_v2")]
# Photographs and grey images, enlarged or as they are, go through small backbones of one channel
# and of three. Of the large ones, the fast suite runs each on one kind.
KINDS = [
    *((shape, backbone) for shape in SHAPES for backbone in (get_backbone("small_cnn"), RGB)),
    ((8, 8), LARGE[0]),
    ((9, 40, 3), LARGE[1]),
    *(pytest.param(shape, LARGE[0], marks=pytest.mark.slow) for shape in SHAPES[1:3]),
    pytest.param((48, 40, 3), LARGE[0], marks=pytest.mark.slow),
    *(pytest.param(SHAPES[n], LARGE[1], marks=pytest.mark.slow) for n in (0, 2, 3)),
]


@pytest.mark.parametrize(("shape", "backbone"), KINDS, ids=lambda it: getattr(it, "name", str(it)))
def test_images_of_any_kind(backbone, shape):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (6, *shape), dtype="uint8"), np.array([0, 1] * 3)
    clf = quick(backbone, freeze_until="features").fit(X, y)
    smallest = backbone.min_size
    assert clf._fitted.architecture.body_size == tuple(max(side, smallest) for side in shape[:2])
    assert_array_equal(clf.predict(X.reshape(6, -1)), clf.predict(X))
    assert clf.model_.input_shape == (None, *clf.image_shape_)
    assert_allclose(
        clf.model_.predict(X.reshape(6, *clf.image_shape_), verbose=0),
        clf.predict_proba(X),
        rtol=1e-4,
        atol=1e-6,
    )


def test_shrinking_averages():
    """A fine chessboard shrinks to grey, not to whichever pixels are hit."""
    board = np.indices((128, 128)).sum(axis=0) % 2 * 255
    body = Graph(BodyArchitecture(get_backbone("small_cnn"), (128, 128, 1), 32, "float32")).body
    shrunk = keras.Model(body.inputs[0], body.get_layer("resize").output)
    grey = shrunk.predict(board[None, ..., None].astype("float32"), verbose=0)
    assert_allclose(grey[0, 2:-2, 2:-2], 127.5, atol=2)


@pytest.mark.parametrize("channels", [2, 4])
def test_channels_that_it_does_not_take(channels):
    X = np.zeros((4, 8, 8, channels), "uint8")
    with pytest.raises(ValueError, match=rf"'vgg16' takes images with 1 .*have {channels}"):
        quick("vgg16").fit(X, [0, 1, 0, 1])
