"""Freeze points: what the values of `freeze_until` mean for a backbone."""

from .spec import Backbone


def has_kept_weights(params, pretrains: bool) -> bool:
    """Return whether fine-tuning starts from pretrained weights."""
    return params.weights is not None or pretrains


def choose_freeze_until(params, backbone: Backbone, pretrains: bool) -> str | int | None:
    """Return `freeze_until`; "auto" is the backbone's default, or `None` for random weights."""
    if params.freeze_until != "auto":
        return params.freeze_until
    return backbone.default_freeze if has_kept_weights(params, pretrains) else None


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
    if count == len(stages):
        return "features"
    return stages[count - 1] if count else None


def resolve_layer(backbone: Backbone, layer: str | int) -> str:
    """Return the name of a layer that may be given as a number of stages.

    Raises
    ------
    ValueError
        If the number is 0 or a bool, or there are fewer stages.
    """
    name = resolve_freeze_point(backbone, layer, "layer")
    if name is None:
        raise ValueError(f"layer={layer} is no stage: count from 1, or give a name.")
    return name


def describe_numbers(backbone: Backbone) -> str:
    """Return which number stands for which freeze point, for an error."""
    numbered = [f"{count} is {stage!r}" for count, stage in enumerate(backbone.stages[:-1], 1)]
    return ", ".join(["as numbers, 0 is None (nothing)", *numbered]) + (
        f" and {len(backbone.stages)} is 'features' (the whole body)"
    )
