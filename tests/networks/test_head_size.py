"""Heads on large images: a warning before anything large is built."""

import numpy as np
import pytest

from skfashion._backbones.registry import get_backbone
from skfashion._networks.architecture import Architecture
from skfashion._networks.head_size import warn_if_head_is_large
from skfashion._networks.network import build_network


def architecture(backbone="small_cnn", image_shape=(400, 500, 3), input_size=None, **params):
    return Architecture(
        backbone=get_backbone(backbone),
        image_shape=image_shape,
        input_size=input_size,
        dtype="float32",
        **{"n_classes": 2, "hidden_units": 128, "dropout": 0.5, "feature_dropout": 0.25, **params},
    )


@pytest.mark.parametrize(
    ("params", "n_parameters"),
    [({}, "201,129,984"), ({"image_shape": (224, 224, 3)}, "49,561,600")],
)
def test_a_flattened_feature_map_of_photographs(params, n_parameters):
    with pytest.warns(
        UserWarning, match=rf'{n_parameters} parameters, .*input_size=64.*"mobilenet_v2"'
    ):
        warn_if_head_is_large(architecture(**params))


@pytest.mark.parametrize(
    "params",
    [
        {"image_shape": (28, 28, 1)},
        {"image_shape": (128, 128, 3)},
        {"input_size": 64},
        {"hidden_units": 0},
        {"backbone": "mobilenet_v2"},
    ],
    ids=str,
)
def test_small_heads_draw_no_warning(params):
    warn_if_head_is_large(architecture(**params))


def test_fit_warns_before_it_builds_the_head(make):
    built = build_network.cache_info().misses
    X = np.random.default_rng(0).integers(0, 256, (2, 400, 500, 3), np.uint8)
    with pytest.raises(UserWarning, match="400 x 500 pixels"):  # warnings are errors in tests
        make().fit(X, [0, 1])
    assert build_network.cache_info().misses == built


def test_fit_warns_at_the_line_of_the_user(make, lt5, monkeypatch):
    monkeypatch.setattr("skfashion._networks.head_size.MANY_PARAMETERS", 1000)
    with pytest.warns(UserWarning, match="The head has 102,400 parameters") as caught:
        make(epochs=0).fit(*lt5)
    assert [warning.filename for warning in caught] == [__file__]
