"""What features of the small CNN cost: it decides whether they are kept, and whether in files."""

import pytest

from skfashion._backbones.registry import get_backbone
from skfashion._networks.architecture import Architecture
from skfashion._networks.frozen_part import FrozenPart
from skfashion._networks.network import Network

# Additions and multiplications of an image of 12 x 12 pixels.
CONV1, CONV2 = 2 * (3 * 3 * 1 * 32) * (10 * 10), 2 * (3 * 3 * 32 * 32) * (8 * 8)
DENSE = 2 * (4 * 4 * 32 * 16)


@pytest.fixture(scope="module")
def network():
    return Network(
        Architecture(get_backbone("small_cnn"), (12, 12, 1), None, "float32", 3, 16, 0.5, 0.25)
    )


@pytest.mark.parametrize(
    ("point", "shape", "operations", "worth"),
    [
        ("conv1", (10, 10, 32), CONV1, (False, False)),
        ("features", (4 * 4 * 32,), CONV1 + CONV2, (True, True)),
        ("dense", (16,), CONV1 + CONV2 + DENSE, (True, True)),
    ],
)
def test_cost_of_features(network, point, shape, operations, worth):
    part = FrozenPart(network, point, {}, None)
    n_values = 16 if point == "dense" else 3200 if point == "conv1" else 512
    assert part.row_shape == shape
    assert part.row_bytes == 4 * n_values
    assert part._operations_per_byte == pytest.approx(operations / (4 * n_values))
    assert (part.is_worth_keeping, part.is_worth_a_file) == worth


def test_nothing_frozen_costs_nothing(network):
    part = FrozenPart(network, None, {}, None)
    assert part.is_empty
    assert not part.is_worth_keeping
    assert not part.is_worth_a_file
