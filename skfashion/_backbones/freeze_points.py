"""Freeze points: what the values of `freeze_until` mean for a backbone."""

from collections.abc import Sequence
from numbers import Integral

from .spec import Backbone


def starts_pretrained(params, pretrains: bool) -> bool:
    """Return whether fine-tuning starts from pretrained weights."""
    return params.weights is not None or pretrains


def choose_freeze_until(params, backbone: Backbone, is_pretrained: bool) -> str | int | None:
    """Return `freeze_until`; "auto" is the backbone's default, or `None` for random weights."""
    if params.freeze_until != "auto":
        return params.freeze_until
    return backbone.default_freeze if is_pretrained else None


def list_freeze_points(backbone: Backbone) -> list[str | None]:
    """Return the freeze points from nothing to the whole body, which ends with the last stage."""
    return [None, *backbone.stages[:-1], "features"]


def resolve_freeze_point(backbone: Backbone, value: str | int | None, parameter: str) -> str | None:
    """Return the name of a freeze point that may be given as a number of stages.

    Parameters
    ----------
    backbone : Backbone
        The backbone whose stages are counted.
    value : str, int or None
        A number of stages, from 0; a negative number counts from the last stage. A name and
        `None` are returned as they are.
    parameter : str
        Name of the parameter, for the error.

    Returns
    -------
    str or None
        "features" for all stages, a name, or `None` for nothing frozen.

    Raises
    ------
    ValueError
        If the value is a bool, or there are fewer stages.
    """
    stages = backbone.stages
    if isinstance(value, bool):
        raise ValueError(
            f"{parameter}={value} is neither a name nor a number of stages. Use "
            '"features" for the whole body.'
        )
    if value is None or isinstance(value, str):
        return value
    count = value + len(stages) if value < 0 else value
    if not 0 <= count <= len(stages):
        raise ValueError(
            f"{parameter}={value} is out of range: backbone {backbone.name!r} has {len(stages)} "
            f"stages, {list(stages)}. Give a number from {-len(stages)} to {len(stages)}, or a "
            "name."
        )
    return list_freeze_points(backbone)[count]


def resolve_layer(backbone: Backbone, layer: str | int) -> str:
    """Return the name of a layer that may be given as a number of stages.

    Raises
    ------
    ValueError
        If the number is 0 or a bool, or there are fewer stages.
    """
    name = resolve_freeze_point(backbone, layer, "layer")
    if name is None:
        raise ValueError(f"layer={layer} is not a stage: count from 1, or give a name.")
    return name


def resolve_layers(backbone: Backbone, layer: str | int | Sequence[str | int]) -> str | list[str]:
    """Return the name of a layer, or a list of names, that may be given as numbers of stages.

    Raises
    ------
    ValueError
        If a number is 0 or a bool, or there are fewer stages; or if a list is empty, or has a
        layer twice or something that is no layer.
    """
    if isinstance(layer, str | int | Integral):
        return resolve_layer(backbone, layer)
    if not layer:
        raise ValueError(
            f"layer={layer!r} names no layer. Give at least one, such as "
            f"layer=[{backbone.stages[0]!r}]."
        )
    names: dict[str, str | int] = {}
    for each in layer:
        if not isinstance(each, str | int | Integral):
            raise ValueError(
                f"layer={layer!r} must be a list of names and numbers of stages, got {each!r} in "
                "it. Remove it, or name a layer."
            )
        name = resolve_layer(backbone, each)
        if name in names:
            twice = repr(each) if names[name] == each else f"{names[name]!r} and {each!r}"
            raise ValueError(
                f"layer={layer!r} has {name!r} more than once, as {twice}. Remove all but one."
            )
        names[name] = each
    return [*names]


def describe_numbers(backbone: Backbone) -> str:
    """Return which number stands for which freeze point, for an error."""
    numbered = [f"{n} is {point!r}" for n, point in enumerate(list_freeze_points(backbone))]
    numbered[0] += " (nothing)"
    return f"as numbers, {', '.join(numbered[:-1])} and {numbered[-1]} (the whole body)"
