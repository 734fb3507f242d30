"""Backbones that end early: a body up to one of its stages."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

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
        raise ValueError(f"There is no layer {self.stage!r}.")


def end_body_at(backbone: Backbone, stage: str | None) -> Backbone:
    """Return the backbone without the layers after a stage.

    Parameters
    ----------
    backbone : Backbone
        The backbone.
    stage : str or None
        The last stage that is kept; `None` or "features" for all.
    """
    if stage in (None, "features", backbone.stages[-1]):
        return backbone
    n_kept = backbone.stages.index(stage) + 1
    stages = backbone.stages[:n_kept]
    default_freeze = backbone.default_freeze if backbone.default_freeze in stages else "features"
    return replace(
        backbone,
        build=BodyUntil(backbone.build, stage),
        stages=stages,
        default_freeze=default_freeze,
    )
