"""The cuts of a network, on the small CNN: two convolutions, a pooling layer, a dense head."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import Backbone
from skfashion._backbones.registry import get_backbone
from skfashion._networks.architecture import Architecture
from skfashion._networks.batch_function import run_batches
from skfashion._networks.network import Network
from skfashion._random_streams import RandomStreams
from tests.residual import RESIDUAL

CONV1, CONV2 = 3 * 3 * 32 + 32, 3 * 3 * 32 * 32 + 32
DENSE, OUTPUT = 4 * 4 * 32 * 16 + 16, 16 * 3 + 3
POINTS = [None, "conv1", "conv2", "features", "dense"]


def build(backbone):
    return Network(
        Architecture(
            backbone=backbone,
            image_shape=(12, 12, 1),
            input_size=None,
            dtype="float32",
            n_classes=3,
            hidden_units=16,
            dropout=0.5,
            feature_dropout=0.25,
        )
    )


@pytest.fixture(scope="module")
def network():
    return build(get_backbone("small_cnn"))


@pytest.fixture(scope="module")
def of_three_stages():
    return build(RESIDUAL)


@pytest.fixture(scope="module")
def weights(network):
    return network.initial_weights(RandomStreams(0))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((5, 12, 12, 1), "float32") * 255


@pytest.mark.parametrize(
    ("point", "frozen"),
    [
        (None, 0),
        ("conv1", CONV1),
        ("conv2", CONV1 + CONV2),
        ("features", CONV1 + CONV2),
        ("dense", CONV1 + CONV2 + DENSE),
    ],
)
def test_frozen_and_trainable_parameters(network, point, frozen):
    total = CONV1 + CONV2 + DENSE + OUTPUT
    assert network.count_parameters(point) == (frozen, total - frozen)


@pytest.mark.parametrize(("point", "depth"), [*zip(POINTS, [0, 1, 2, 2, 3], strict=True)])
def test_depth_counts_stages_and_layers_of_the_head(network, point, depth):
    assert network.count_frozen_stages(point) == depth


def test_depth_from_the_head(network):
    depths = {path.partition("/")[0]: depth for path, depth in network.depth_from_head.items()}
    assert {name: depths[name] for name in ("conv1", "conv2", "dense", "output")} == {
        "conv1": 1,
        "conv2": 0,
        "dense": None,
        "output": None,
    }


@pytest.mark.parametrize(
    ("point", "points"),
    [(None, ["features", "conv1"]), ("conv1", ["features"]), ("conv2", []), ("dense", [])],
)
def test_points_to_unfreeze_go_from_the_head_down(network, point, points):
    assert network.unfreeze_points(point) == points


def test_all_of_three_stages_count(of_three_stages):
    assert of_three_stages.unfreeze_points(None) == ["features", "norm", "stem"]
    assert of_three_stages.unfreeze_points("stem") == ["features", "norm"]
    depths = of_three_stages.depth_from_head
    paths = "stem/kernel", "norm/gamma", "conv/kernel", "late_norm/gamma", "output/kernel"
    assert [depths[path] for path in paths] == [2, 1, 0, 0, None]


def bare(images):
    return keras.layers.Conv2D(4, 3, name="conv")(images)


def test_a_stage_right_after_the_images_is_not_frozen_with_nothing():
    network = build(Backbone("bare", build=bare, stages=("conv",), min_size=8))
    assert network.count_frozen_stages(None) == 0
    assert network.unfreeze_points(None) == ["features"]


@pytest.mark.parametrize("point", POINTS)
def test_only_the_output_layer_is_linear(network, point):
    assert network.is_linear_after(point) is (point == "dense")


def test_a_cut_moves_past_layers_without_variables(network):
    front, back = network.split_at("conv2")
    assert front.layers[-1].name == "flatten"
    assert back.layers[1].name == "feature_dropout"


def test_a_deeper_cut_begins_with_the_functions_of_a_shallower_one(network):
    shallow, deep = network.stage_functions("conv1"), network.stage_functions("dense")
    assert len(shallow) == 1
    assert len(deep) == 3
    assert deep[0] is shallow[0]
    assert network.stage_functions(None) == []


@pytest.mark.parametrize("point", POINTS)
def test_every_cut_gives_the_same_probabilities(network, weights, images, point):
    functions = [*network.stage_functions(point), network.head_function(point)]
    probabilities = run_batches(functions, weights, images)
    assert probabilities.shape == (5, 3)
    uncut = run_batches([network.head_function(None)], weights, images)
    np.testing.assert_allclose(probabilities, uncut, rtol=1e-5)


def test_results_go_to_the_rows_that_indices_name(network, weights, images):
    functions = network.stage_functions("conv1")
    expected = run_batches(functions, weights, images)
    outputs = np.full((9, *expected.shape[1:]), -1.0, "float32")
    indices = np.array([7, 1, 0, 8, 3])
    assert run_batches(functions, weights, images, outputs, indices) is outputs
    assert_array_equal(outputs[indices], expected)
    assert (outputs[[2, 4, 5, 6]] == -1).all()


def test_a_row_does_not_depend_on_the_number_of_rows(network, weights):
    images = np.random.default_rng(1).random((300, 12, 12, 1), "float32") * 255
    functions = [network.head_function(None)]
    together = run_batches(functions, weights, images)
    for rows in (slice(0, 1), slice(100, 131), slice(299, 300)):
        assert_array_equal(run_batches(functions, weights, images[rows]), together[rows])


def test_initial_weights_are_drawn_by_name(network, weights):
    again = network.initial_weights(RandomStreams(0), prefix="output")
    assert set(again) == {"output/kernel", "output/bias"}
    assert_array_equal(again["output/kernel"], weights["output/kernel"])
    other = network.initial_weights(RandomStreams(0), stream="new output layer", prefix="output")
    assert not np.array_equal(other["output/kernel"], weights["output/kernel"])
