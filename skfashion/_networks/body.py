"""The body of a backbone, which runs from stage to stage as it does in a network with a head."""

from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras
from .architecture import BodyArchitecture
from .batch_function import FixedBatchFunction
from .graph import HEAD_LAYERS, output_of, pool, pool_for_head
from .staged_graph import StagedGraph

MAX_BODIES = 4
# The poolings for which a pass keeps the outputs of all stages.
KEPT_POOLINGS = "average", "max"


@lru_cache(maxsize=MAX_BODIES)
def get_body(architecture: BodyArchitecture) -> "Body":
    """Return the process's body of this architecture; the least recently used is dropped."""
    return Body(architecture)


class Output(NamedTuple):
    """The output of a layer as a vector for each image.

    Parameters
    ----------
    tensor : KerasTensor
        The layer's output in the graph of a body.
    pooling : {"average", "max", "flatten"}
        Conversion to a vector. For a vector it is "flatten", for any pooling.
    """

    tensor: keras.KerasTensor
    pooling: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the layer's output for one image."""
        return tuple(self.tensor.shape[1:])

    @property
    def width(self) -> int:
        """Length of the vector."""
        return int(np.prod(self.shape)) if self.pooling == "flatten" else int(self.shape[-1])


class Body(StagedGraph):
    """The graph of a body from images to its output, and the paths to outputs of its layers.

    Parameters
    ----------
    architecture : BodyArchitecture
        Specification of the body.
    """

    def __init__(self, architecture: BodyArchitecture):
        super().__init__(architecture)
        self.images, self.end = self.body.inputs[0], self.body.outputs[0]
        self._paths: dict[int, list] = {}
        self._poolings: dict[tuple, FixedBatchFunction] = {}

    # -- Outputs ---------------------------------------------------------------------------

    def output(self, tensor, pooling: str) -> Output | None:
        """Return a tensor's output; `None` if it has no such pooling."""
        n_axes = len(tensor.shape)
        if n_axes == 2:
            return Output(tensor, "flatten")
        return Output(tensor, pooling) if pooling == "flatten" or n_axes in (3, 4) else None

    @cached_property
    def stage_outputs(self) -> list[Output]:
        """The pooled outputs of all stages and of the body, from the first to the last."""
        outputs = (
            self.output(tensor, pooling)
            for tensor in self._stage_tensors
            for pooling in KEPT_POOLINGS
        )
        return [*dict.fromkeys(output for output in outputs if output)]

    def pooling_function(self, output: Output) -> FixedBatchFunction:
        """Return the traced function from a feature map to its average or maximum."""
        key = output.shape, output.pooling
        if key not in self._poolings:
            with fresh_keras_state(self.architecture.dtype):
                features = keras.Input(output.shape, dtype=self.architecture.float_type)
                model = keras.Model(features, pool(features, output.pooling), name="pooling")
            self._poolings[key] = FixedBatchFunction(model, self.architecture)
        return self._poolings[key]

    # -- Paths -----------------------------------------------------------------------------

    @cached_property
    def cuts(self) -> list:
        """The tensors at which any network of this body is cut after its stages, in order.

        The last stage has none: a network cuts after it, in the head.
        """
        tensors = (
            self.move_on(output_of(self.body, stage)) for stage in self.architecture.backbone.stages
        )
        cuts = {id(t): t for t in tensors if t is not self.end and self._is_single_way(t)}
        return [*cuts.values()]

    @cached_property
    def _stage_tensors(self):
        """The outputs of all stages and of the body, in order."""
        stages = [output_of(self.body, stage) for stage in self.architecture.backbone.stages]
        return [*{id(tensor): tensor for tensor in [*stages, self.end]}.values()]

    def path_to(self, tensor) -> list:
        """Return the tensors from the images to a tensor that are computed one from the other.

        They are the cuts before it, and the outputs of stages between the last cut and it. The path
        to a tensor does not depend on other outputs.
        """
        if id(tensor) not in self._paths:
            before = _find_inputs(tensor)
            path = [self.images, *(cut for cut in self.cuts if id(cut) in before)]
            before -= _find_inputs(path[-1])
            path += [
                stage
                for stage in self._stage_tensors
                if id(stage) in before and stage is not tensor and self._is_single_way(stage)
            ]
            self._paths[id(tensor)] = path if path[-1] is tensor else [*path, tensor]
        return self._paths[id(tensor)]

    def _is_single_way(self, tensor):
        """Whether all paths from the images to the body's output pass a tensor."""
        is_called_again = tensor._keras_history.operation in self._called_again
        return not is_called_again and id(self.images) not in _find_inputs(self.end, tensor)

    # -- Heads -----------------------------------------------------------------------------

    @cached_property
    def head_input(self):
        """The body's output as a head takes it, at which a network is cut after the whole body."""
        with fresh_keras_state(self.architecture.dtype, reserved=HEAD_LAYERS):
            return pool_for_head(self.end, self.architecture.backbone)


def _find_inputs(tensor, stop=None) -> set[int]:
    """Return the ids of a tensor and of all that it is computed from, up to another tensor."""
    found, remaining = set(), [tensor]
    while remaining:
        tensor = remaining.pop()
        if tensor is not stop and id(tensor) not in found:
            found.add(id(tensor))
            history = tensor._keras_history
            remaining += history.operation._inbound_nodes[history.node_index].input_tensors
    return found
