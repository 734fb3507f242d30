"""Backbones that end early: a body up to one of its stages."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .._messages import unknown_name_message
from .freeze_points import resolve_freeze_point
from .spec import Backbone


@dataclass(frozen=True)
class BodyUntil:
    """Add the layers of a body up to one of them to a graph.

    Parameters
    ----------
    build : callable
        As for `Backbone`.
    stage : str
        The last layer.
    """

    build: Callable[[Any], Any]
    stage: str

    def __call__(self, images):
        """Add the layers; return the output of the last one."""
        remaining, seen = [self.build(images)], set()
        while remaining:
            tensor = remaining.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            history = tensor._keras_history
            if history.operation.name == self.stage:
                return tensor
            remaining += history.operation._inbound_nodes[history.node_index].input_tensors
        raise ValueError(
            f"The backbone has the stage {self.stage!r} in stages, but build adds no layer of this "
            "name. Correct stages, or the name of the layer."
        )


def end_body_at(backbone: Backbone, body_until: str | int | None) -> Backbone:
    """Return the backbone without the layers after a stage.

    Parameters
    ----------
    backbone : Backbone
        The backbone.
    body_until : str, int or None
        The last stage that is kept, or how many stages are; `None` or "features" for all.

    Raises
    ------
    ValueError
        If there is no such stage, or none is kept.
    """
    stage = _resolve_body_end(backbone, body_until)
    if stage in ("features", backbone.stages[-1]):
        return backbone
    n_kept = backbone.stages.index(stage) + 1
    stages = backbone.stages[:n_kept]
    default_freeze, few_images_freeze = backbone.default_freeze, backbone.few_images_freeze
    return replace(
        backbone,
        build=BodyUntil(backbone.build, stage),
        stages=stages,
        default_freeze=default_freeze if default_freeze in stages else "features",
        few_images_freeze=few_images_freeze if few_images_freeze in stages else None,
    )


def _resolve_body_end(backbone, body_until) -> str:
    """Return the name of the last stage, "features" for the last of all."""
    stages = backbone.stages
    if body_until is None:
        return "features"
    stage = resolve_freeze_point(backbone, body_until, "body_until")
    if stage is None:
        raise ValueError(
            f"body_until={body_until} leaves no stage of backbone {backbone.name!r}, which has "
            f"{len(stages)}: {list(stages)}. Keep at least one, or all with None."
        )
    if stage not in (*stages, "features"):
        known = [*stages, "features", "auto"]
        raise ValueError(
            unknown_name_message("body_until", stage, known)
            + f" The body of backbone {backbone.name!r} can end after one of its stages."
        )
    return stage


def check_freezes_body(backbone: Backbone, whole: Backbone, freeze_until: str | int | None) -> None:
    """Check that a freeze point is not after the end of a body that ends early.

    Parameters
    ----------
    backbone : Backbone
        The backbone, as `end_body_at` returns it.
    whole : Backbone
        The backbone with all of its stages.
    freeze_until : str, int or None
        The freeze point.

    Raises
    ------
    ValueError
        If it is.
    """
    stages = backbone.stages
    if isinstance(freeze_until, str):
        is_after = freeze_until in whole.stages[len(stages) :]
    else:
        is_after = len(stages) < (freeze_until or 0) <= len(whole.stages)
    if is_after:
        raise ValueError(
            f"freeze_until={freeze_until!r} is after the end of the body of backbone "
            f"{backbone.name!r}, body_until={stages[-1]!r}. Freeze up to one of {list(stages)}, "
            'set freeze_until="features" for all of them, or let the body end later.'
        )
