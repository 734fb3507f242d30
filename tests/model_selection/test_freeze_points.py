"""Grids over where to freeze. tests/backbones/test_all_backbones.py checks each point of each."""

import pytest
from sklearn.model_selection import ParameterGrid

from skfashion._backbones.registry import get_backbone
from skfashion.model_selection import freeze_points


def test_a_backbone_itself_is_taken_like_its_name():
    backbone = get_backbone("resnet50")
    assert freeze_points(backbone) == freeze_points("resnet50")
    assert freeze_points([backbone])[0]["backbone"] == [backbone]


def test_grids_for_several_backbones():
    grids = freeze_points(["vgg16", "inception_v3"], prefix="clf__", learning_rate=[0.1, 0.2])
    assert [grid["clf__backbone"] for grid in grids] == [["vgg16"], ["inception_v3"]]
    assert grids[1]["clf__freeze_until"] == freeze_points("inception_v3")
    assert all(grid["clf__learning_rate"] == [0.1, 0.2] for grid in grids)
    assert len(ParameterGrid(grids)) == 2 * (6 + 12)


def test_grids_for_each_point_go_from_shallow_to_deep():
    grids = freeze_points("small_cnn", head=True, by_point=True, epochs=[1, 2])
    assert grids == [
        {"backbone": ["small_cnn"], "freeze_until": [point], "epochs": [1, 2]}
        for point in freeze_points("small_cnn", head=True)
    ]
    several = freeze_points(["small_cnn", "vgg16"], by_point=True, prefix="clf__")
    assert [grid["clf__freeze_until"] for grid in several] == [
        [point] for name in ("small_cnn", "vgg16") for point in freeze_points(name)
    ]


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="Did you mean 'vgg16'"):
        freeze_points("vgg")
    with pytest.raises(ValueError, match=r"got prefix='clf__', epochs.* Give a list of backbones"):
        freeze_points("vgg16", prefix="clf__", epochs=[1])
