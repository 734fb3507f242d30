"""Freeze points of backbones, as values for a parameter grid."""

from collections.abc import Iterable
from typing import Any

from .._backbones.freeze_points import list_freeze_points
from .._backbones.registry import get_backbone
from .._backbones.spec import Backbone


def freeze_points(
    backbone: str | Backbone | Iterable[str | Backbone],
    *,
    head: bool = False,
    by_point: bool = False,
    prefix: str = "",
    **parameters: Any,
) -> list[Any]:
    """Return the values of `freeze_until` for one backbone, or a grid for each of several.

    The values range from nothing frozen to the whole body, and each cuts the network at another
    place. A search over several backbones needs one grid per backbone, because the names of their
    stages differ.

    Parameters
    ----------
    backbone : str, Backbone or list of these
        A name of `list_backbones`, or a `Backbone`; or several.
    head : bool, default=False
        Whether to add "dense", which also freezes the head's hidden layer, so that only the
        output layer is trained. It needs `hidden_units` above 0, or "auto".
    by_point : bool, default=False
        Whether to return a grid for each freeze point. A search then fits all candidates of one
        freeze point before those of the next, deeper one.
    prefix : str, default=""
        Prefix of parameter names, ``"clf__"`` for a classifier that is the step "clf" of a
        pipeline. Only for grids.
    **parameters : list or distribution
        Values of other parameters, added to each grid. Names are those of the classifier, without
        the prefix. Only for grids.

    Returns
    -------
    list
        For one backbone its freeze points: 0 for nothing, the names of all stages except the
        last, and "features". For several backbones, or with `by_point`, the grids, one dict each,
        as `GridSearchCV` and the other searches take them.

    Raises
    ------
    ValueError
        If there is no backbone of this name, or if `prefix` or `parameters` are given with one
        backbone, for which there is no grid.

    See Also
    --------
    check_search : Finds the invalid candidates of a search.

    Examples
    --------
    >>> from skfashion.model_selection import freeze_points
    >>> freeze_points("vgg16")
    [0, 'block1_pool', 'block2_pool', 'block3_pool', 'block4_pool', 'features']
    >>> freeze_points("small_cnn", head=True)
    [0, 'conv1', 'features', 'dense']
    >>> for grid in freeze_points(["small_cnn", "densenet121"], learning_rate=[0.001, 0.01]):
    ...     print(grid)
    {'backbone': ['small_cnn'], 'freeze_until': [0, 'conv1', 'features'],
     'learning_rate': [0.001, 0.01]}
    {'backbone': ['densenet121'], 'freeze_until': [0, 'pool1', 'pool2_pool', 'pool3_pool',
     'pool4_pool', 'features'], 'learning_rate': [0.001, 0.01]}
    """
    if isinstance(backbone, str | Backbone):
        if not by_point:
            _check_no_grid(backbone, prefix, parameters)
            return _list_points(backbone, head)
        backbone = [backbone]
    return [
        {
            f"{prefix}backbone": [each],
            f"{prefix}freeze_until": points,
            **{f"{prefix}{name}": values for name, values in parameters.items()},
        }
        for each in backbone
        for points in _group_points(each, head, by_point)
    ]


def _check_no_grid(backbone: str | Backbone, prefix: str, parameters: dict[str, Any]) -> None:
    """Check that nothing is given that belongs to grids only."""
    if prefix or parameters:
        given = ", ".join([f"prefix={prefix!r}"] * bool(prefix) + list(parameters))
        raise ValueError(
            f"freeze_points({backbone!r}) lists the points of one backbone, but got {given}, which "
            f"only grids take. Give a list of backbones, such as [{backbone!r}], or "
            "by_point=True, for a list of grids."
        )


def _group_points(backbone: str | Backbone, head: bool, by_point: bool) -> list[list[Any]]:
    """Return the values of `freeze_until` for each grid."""
    points = _list_points(backbone, head)
    return [[point] for point in points] if by_point else [points]


def _list_points(backbone: str | Backbone, head: bool) -> list[Any]:
    points = list_freeze_points(get_backbone(backbone))
    return [point or 0 for point in points] + ["dense"] * head
