"""Where one can freeze, as values for a grid."""

from .._backbones.registry import get_backbone
from .._backbones.spec import Backbone


def freeze_points(backbone, *, head=False, prefix="", **parameters):
    """Return the values of `freeze_until` for a backbone, or the grids for several.

    Each value is another cut, from nothing frozen to the whole body. A search over several
    backbones needs a grid for each, because their stages have different names.

    Parameters
    ----------
    backbone : str, Backbone or list of these
        A name of `list_backbones`, or a `Backbone`; or several.
    head : bool, default=False
        Whether to freeze the head's hidden layer, too: all but the output layer is then
        "dense". It needs a `hidden_units` above 0.
    prefix : str, default=""
        What names of parameters begin with, for the classifier inside a pipeline: ``"clf__"``.
    **parameters : list or distribution
        Values of other parameters, for all of several grids alike; by the names that the
        classifier gives them.

    Returns
    -------
    list
        For one backbone, the points: 0 for nothing, its stages but the last, and "features". For
        several, the grids, as `GridSearchCV` and the other searches take them.

    Raises
    ------
    ValueError
        If there is no backbone of this name, or `parameters` or a `prefix` come with one only, for
        which there is no grid.

    See Also
    --------
    check_search : Finds candidates of a search that cannot be.

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
    if not isinstance(backbone, str | Backbone):
        return [
            {
                f"{prefix}backbone": [each],
                f"{prefix}freeze_until": _points_of(each, head),
                **{f"{prefix}{name}": values for name, values in parameters.items()},
            }
            for each in backbone
        ]
    if prefix or parameters:
        given = ", ".join([f"prefix={prefix!r}"] * bool(prefix) + list(parameters))
        raise ValueError(
            f"freeze_points({backbone!r}) lists the points of one backbone, but got {given}, which "
            f"belongs into a grid. Give a list of backbones, such as [{backbone!r}], for a list of "
            "grids."
        )
    return _points_of(backbone, head)


def _points_of(backbone, head):
    # "features" and the last stage are the same cut, as the last stage closes the body.
    return [0, *get_backbone(backbone).stages[:-1], "features", *["dense"] * head]
