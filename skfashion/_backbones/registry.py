"""The registry of backbones by name: built-in ones, and those that users register."""

import pickle
from contextlib import suppress
from types import CellType, FunctionType

import cloudpickle

from .._messages import unknown_name_message
from .catalog import BUILT_IN
from .spec import Backbone

_BACKBONES = {backbone.name: backbone for backbone in BUILT_IN}
# Backbones that are not registered here and that arrived with an estimator, the last by name.
_UNREGISTERED: dict[str, Backbone] = {}


def list_backbones() -> list[str]:
    """Return the names of all backbones, for `TransferClassifier(backbone=...)`.

    Returns
    -------
    list of str
        Names: the built-in ones, and then the registered ones, in the order of their registration.

    Examples
    --------
    >>> import skfashion
    >>> skfashion.list_backbones()[:4]
    ['small_cnn', 'vgg16', 'resnet50', 'inception_v3']
    """
    return list(_BACKBONES)


def register_backbone(backbone: Backbone, *, overwrite: bool = False) -> None:
    """Register a backbone, so that its name can be used like the built-in ones.

    Parameters
    ----------
    backbone : Backbone
        The new backbone. Worker processes of a search also receive it.
    overwrite : bool, default=False
        Whether it may replace a backbone of the same name with another `build` function. A function
        of the same module and name, as in a notebook's cell that is run again, is the same one, and
        the new backbone replaces the old one in any case. A lambda or a local function is the same
        one if its code and the values from outside it are also the same. Built-in backbones cannot
        be replaced.

    Raises
    ------
    TypeError
        If it is not a `Backbone`.
    ValueError
        If a built-in backbone has this name, or, without `overwrite`, one with another `build`.

    Examples
    --------
    >>> import skfashion
    >>> def tiny(images):
    ...     from keras import layers
    ...     x = layers.Rescaling(1 / 255, name="rescale")(images)
    ...     return layers.Conv2D(8, 3, strides=2, activation="relu", name="conv")(x)
    >>> backbone = skfashion.Backbone("tiny", build=tiny, stages=("conv",), min_size=8)
    >>> skfashion.register_backbone(backbone)
    >>> skfashion.list_backbones()[-1]
    'tiny'
    """
    if not isinstance(backbone, Backbone):
        raise TypeError(
            f"backbone must be a Backbone, got {type(backbone).__name__}. Make one: "
            "Backbone(name, build=..., stages=..., min_size=...)."
        )
    known = _BACKBONES.get(backbone.name)
    if known in BUILT_IN:
        raise ValueError(
            f"Backbone {backbone.name!r} ships with skfashion. Use another name for your backbone."
        )
    if (
        known is not None
        and not overwrite
        and _definition(known.build) != _definition(backbone.build)
    ):
        raise ValueError(
            f"Another backbone {backbone.name!r} is registered. Use another name, or set "
            "overwrite=True."
        )
    _BACKBONES[backbone.name] = backbone


def _definition(build):
    """Return the names of a `build` function's definition; `build` itself if not a function.

    Lambdas and local functions share names, so their code and the values that they close over
    follow.
    """
    names = getattr(build, "__module__", None), getattr(build, "__qualname__", None)
    if not all(names):
        return build
    if "<" not in build.__qualname__ or not isinstance(build, FunctionType):
        return names
    code, cells = build.__code__, build.__closure__ or ()
    values = [repr(cell.cell_contents) for cell in cells if cell != CellType()]
    return *names, code.co_code, code.co_consts, code.co_names, values


def pack_registered() -> tuple[bytes, ...]:
    """Pickle each backbone that has a name here, functions of the main module included."""
    packed = []
    for backbone in (_UNREGISTERED | _BACKBONES).values():
        # One that cannot be pickled may not be needed in the other process.
        with suppress(Exception):
            if backbone not in BUILT_IN:
                packed.append(cloudpickle.dumps(backbone))
    return tuple(packed)


def register_unpickled(packed: bytes) -> None:
    """Register a backbone from another process, unless this one lacks a module it needs."""
    with suppress(Exception):
        keep_unregistered(pickle.loads(packed))


def keep_unregistered(backbone: Backbone) -> None:
    """Keep a backbone that arrived with an estimator, so that `get_backbone` finds its name.

    A registered backbone of this name has priority.
    """
    _UNREGISTERED[backbone.name] = backbone


def get_backbone(backbone: str | Backbone) -> Backbone:
    """Return the backbone of this name; a `Backbone` is returned unchanged.

    Raises
    ------
    ValueError
        If there is no backbone of this name.
    """
    if isinstance(backbone, Backbone):
        return backbone
    known = _BACKBONES.get(backbone) or _UNREGISTERED.get(backbone)
    if known is None:
        raise ValueError(
            unknown_name_message("backbone", backbone, _BACKBONES)
            + " register_backbone adds a new one."
        )
    return known
