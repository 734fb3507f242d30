from types import SimpleNamespace

import pytest

from skfashion import list_backbones
from skfashion._backbones.freeze_points import (
    choose_freeze_until,
    describe_numbers,
    resolve_freeze_point,
    resolve_layer,
    starts_pretrained,
)
from skfashion._backbones.registry import get_backbone

VGG16 = get_backbone("vgg16")


@pytest.mark.parametrize(
    ("value", "point"),
    [
        (None, None),
        (0, None),
        (-5, None),
        (1, "block1_pool"),
        (-1, "block4_pool"),
        (5, "features"),
        ("block2_pool", "block2_pool"),
        ("block2_conv1", "block2_conv1"),
        ("features", "features"),
    ],
)
def test_names_and_numbers(value, point):
    assert resolve_freeze_point(VGG16, value, "freeze_until") == point


@pytest.mark.parametrize("value", [6, -6])
def test_a_number_out_of_range_names_parameter_stages_and_remedy(value):
    with pytest.raises(ValueError, match=rf"layer={value} is out of.*block5_pool.* from -5 to 5"):
        resolve_freeze_point(VGG16, value, "layer")


def test_a_bool_is_no_number():
    with pytest.raises(ValueError, match=r"freeze_until=True is neither .* \"features\""):
        resolve_freeze_point(VGG16, True, "freeze_until")


def test_a_layer_is_counted_from_one():
    assert resolve_layer(VGG16, 1) == "block1_pool"
    assert resolve_layer(VGG16, "block2_conv1") == "block2_conv1"
    with pytest.raises(ValueError, match="layer=0 is not a stage: count from 1"):
        resolve_layer(VGG16, 0)


def test_numbers_are_described_as_they_are_resolved():
    assert describe_numbers(VGG16) == (
        "as numbers, 0 is None (nothing), 1 is 'block1_pool', 2 is 'block2_pool', "
        "3 is 'block3_pool', 4 is 'block4_pool' and 5 is 'features' (the whole body)"
    )


@pytest.mark.parametrize("name", list_backbones())
def test_all_counts_of_all_backbones_are_stages_in_order(name):
    backbone = get_backbone(name)
    points = [
        resolve_freeze_point(backbone, count, "freeze_until")
        for count in range(len(backbone.stages) + 1)
    ]
    assert points == [None, *backbone.stages[:-1], "features"]


@pytest.mark.parametrize(
    ("weights", "pretrains", "point"),
    [
        (None, False, None),
        (None, True, "block3_pool"),
        ("imagenet", False, "block3_pool"),
        ("x.weights.h5", True, "block3_pool"),
    ],
)
def test_auto_freezes_pretrained_weights_only(weights, pretrains, point):
    params = SimpleNamespace(weights=weights, freeze_until="auto")
    is_pretrained = starts_pretrained(params, pretrains)
    assert choose_freeze_until(params, VGG16, is_pretrained) == point
    params.freeze_until = 2
    assert choose_freeze_until(params, VGG16, pretrains) == 2
