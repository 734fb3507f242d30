"""When fine-tuned weights are worse than the probe: beyond one standard error of the difference."""

import numpy as np
import pytest

from skfashion._backbones.registry import get_backbone
from skfashion._data.lazy_images import ImageFormat
from skfashion._data.row_subset import RowSubset
from skfashion._estimators.judging import is_worse
from skfashion._networks.architecture import Architecture
from skfashion._networks.network import get_network
from skfashion._random_streams import RandomStreams
from skfashion._training.epoch_data import EncodedData


@pytest.fixture
def network():
    small_cnn = get_backbone("small_cnn")
    return get_network(Architecture(small_cnn, (8, 8, 1), None, "float32", 2, 0, 0.0, 0.0))


def weights_with_bias(network, bias):
    """Return weights with which the log odds of the first of two classes are `bias`."""
    weights = network.initial_weights(RandomStreams(0))
    return {
        **weights,
        "output/kernel": 0 * weights["output/kernel"],
        "output/bias": np.array([bias, 0], "float32"),
    }


@pytest.mark.parametrize(
    ("bias", "n_rows", "expected"),
    [
        (0.4, 50, False),  # a mean difference of 0.020 with a standard error of 0.028
        (0.4, 200, True),  # the same mean with a standard error of 0.014
        (0.8, 50, True),
        (0.0, 50, False),
        (np.nan, 50, True),
    ],
)
def test_worse_is_beyond_one_standard_error(network, bias, n_rows, expected):
    rows = RowSubset(np.zeros((n_rows, 64), "uint8"))
    images = ImageFormat((8, 8, 1), (0.0, 255.0)).lazy_images(rows, "float32")
    data = EncodedData(images, np.arange(n_rows) % 2, np.ones(n_rows))
    weights, start = weights_with_bias(network, bias), weights_with_bias(network, 0.0)
    assert bool(is_worse(weights, start, network, None, data, None)) is expected
