"""Grids over where to freeze, in which every candidate can be."""

import pytest
from sklearn.model_selection import ParameterGrid

from skfashion import TransferClassifier, list_backbones
from skfashion._backbones.registry import get_backbone
from skfashion._networks.architecture import Architecture
from skfashion._networks.network import get_network
from skfashion.model_selection import freeze_points


@pytest.mark.parametrize("name", list_backbones())
def test_every_point_is_another_cut_from_nothing_to_the_whole_body(name):
    side = get_backbone(name).min_size
    network = get_network(Architecture.from_params(TransferClassifier(name), (side, side, 1), 2))
    points = freeze_points(name, head=True)
    depths = [network.depth_of(network.resolve_freeze_point(point)) for point in points]
    assert depths == list(range(len(points)))
    assert network.resolve_freeze_point(points[0]) is None
    fronts = [network.split_at(network.resolve_freeze_point(point))[0] for point in points[1:]]
    assert len({front.outputs[0].name for front in fronts}) == len(fronts)


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


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="Did you mean 'vgg16'"):
        freeze_points("vgg")
    with pytest.raises(ValueError, match=r"got prefix='clf__', epochs.* Give a list of backbones"):
        freeze_points("vgg16", prefix="clf__", epochs=[1])
