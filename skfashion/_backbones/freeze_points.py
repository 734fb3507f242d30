"""Freeze points: what `freeze_until` means for a backbone."""

from .spec import Backbone


def has_kept_weights(params, pretrains: bool) -> bool:
    """Return whether fine-tuning starts from weights worth keeping."""
    return params.weights is not None or pretrains


def choose_freeze_until(params, backbone: Backbone, pretrains: bool) -> str | int | None:
    """Return `freeze_until`; "auto" is the backbone's default, or `None` for random weights."""
    if params.freeze_until != "auto":
        return params.freeze_until
    return backbone.default_freeze if has_kept_weights(params, pretrains) else None


def resolve_freeze_point(backbone: Backbone, value, parameter) -> str | None:
    """Return the name of a freeze point that may be given by a number of stages.

    Parameters
    ----------
    backbone : Backbone
        Whose stages are counted.
    value : str, int or None
        A name, which passes through, as `None` does; or a number of stages.
    parameter : str
        What to call it in an error.

    Raises
    ------
    ValueError
        If there are not so many stages.
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
