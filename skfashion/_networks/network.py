"""Networks: body and head, cut in two at a freeze point, as functions of their weights.

All estimators of one architecture in a process share a `Network`. It has no fitted state: weights
are arguments and results are returned, so estimators, threads and callbacks can use it at the same
time.
"""

from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np

from .._backbones.freeze_points import resolve_freeze_point
from .._keras.global_state import fresh_keras_state
from .._keras.runtime import check_runtime
from .._keras.tensorflow import keras, tf
from .architecture import Architecture
from .batch_function import FixedBatchFunction
from .graph import add_head
from .staged_graph import StagedGraph

MAX_NETWORKS = 8


def get_network(architecture: Architecture) -> "Network":
    """Return the process's network of this architecture; the least recently used is dropped.

    Architectures that differ in rates of dropout above 0 have the same network.

    Raises
    ------
    ValueError
        If the layers that the backbone builds contradict its description.
    RuntimeError
        If TensorFlow cannot compute here: see `check_runtime`.
    """
    check_runtime()
    return build_network(architecture.traced)


@lru_cache(maxsize=MAX_NETWORKS)
def build_network(architecture: Architecture) -> "Network":
    """Build a network, or return the one that was built before."""
    return Network(architecture)


class Network(StagedGraph):
    """The graph of an architecture from images to logits, and its cuts at freeze points.

    Parameters
    ----------
    architecture : Architecture
        Specification of the network.
    """

    architecture: Architecture

    def __init__(self, architecture: Architecture):
        super().__init__(architecture)
        self._cuts: dict[str | None, tuple] = {None: (None, self.model)}
        self._cut_names: dict[str | None, str | None] = {None: None}
        self._heads: dict[str | None, FixedBatchFunction] = {}
        self._head_inputs: dict[str | None, FixedBatchFunction] = {}

    def _add_head(self, features):
        return add_head(features, self.architecture)

    # -- Inference -------------------------------------------------------------------------

    def head_function(self, point: str | None) -> FixedBatchFunction:
        """Return the function from the features at a freeze point to probabilities."""
        if point not in self._heads:
            back = self.split_at(point)[1]
            self._heads[point] = FixedBatchFunction(
                back, self.architecture, activation=tf.nn.softmax
            )
        return self._heads[point]

    def head_input_function(self, point: str | None) -> FixedBatchFunction:
        """Return the function from the features at a freeze point to the output layer's input."""
        if point not in self._head_inputs:
            back = self.split_at(point)[1]
            output = back.outputs[0]._keras_history
            node = output.operation._inbound_nodes[output.node_index]
            with fresh_keras_state(self.architecture.dtype):
                before = keras.Model(back.inputs[0], node.input_tensors[0], name="before_output")
            self._head_inputs[point] = FixedBatchFunction(before, self.architecture)
        return self._head_inputs[point]

    def stage_functions(self, point: str | None) -> list[FixedBatchFunction]:
        """Return the frozen part as functions from stage to stage.

        The functions of a shallower freeze point are the first ones of a deeper one, so features
        at the deeper one can be computed from features at the shallower one, with the same bits.
        """
        ends = self._stage_outputs(point)
        return [self.function_between(*pair) for pair in pairwise([self.model.inputs[0], *ends])]

    def _stage_outputs(self, point):
        """Return the tensors at the freeze points of all stages up to a point, and at it."""
        if point is None:
            return []
        front = self.split_at(point)[0]
        in_front = {id(node.outputs[0]) for op in front.operations for node in op._inbound_nodes}
        points = [*self.architecture.backbone.stages, point]
        # Several points may move on to one tensor.
        outputs = {id(out): out for out in (self.split_at(each)[0].outputs[0] for each in points)}
        return [output for key, output in outputs.items() if key in in_front]

    # -- Depth -----------------------------------------------------------------------------

    @cached_property
    def depth_from_head(self) -> dict[str, int | None]:
        """Number of stages after the stage of each weight, by path; `None` in the head."""
        stages, body = self.architecture.backbone.stages, set(self.body.operations)
        depths, remaining = {}, len(stages) - 1
        for operation in self.model.operations:
            for variable in getattr(operation, "variables", ()):
                depths[variable.path] = max(remaining, 0) if operation in body else None
            remaining -= operation.name in stages
        return depths

    def unfreeze_points(self, point: str | None) -> list[str | None]:
        """Return the freeze points after this one: the whole body first, then stage by stage."""
        stages = self.architecture.backbone.stages
        index = self.operation_index(point)
        if index >= self.operation_index("features"):
            return []
        after = [stage for stage in stages[:-1] if self.operation_index(stage) > index]
        return ["features", *after[::-1]]

    def count_frozen_stages(self, point: str | None) -> int:
        """Return how many of the body's stages and of the head's layers a freeze point freezes.

        Layers of the head without weights do not count.
        """
        body, index = set(self.body.operations), self.operation_index(point)
        head = [
            operation.name
            for operation in self.model.operations
            if operation not in body and getattr(operation, "weights", None)
        ]
        return sum(
            self.operation_index(n) <= index for n in [*self.architecture.backbone.stages, *head]
        )

    def paths_frozen_at(self, point: str | None) -> list[str]:
        """Return the paths of the weights that a freeze point freezes."""
        front, _ = self.split_at(point)
        return [] if front is None else [variable.path for variable in front.weights]

    def count_parameters(self, point: str | None) -> tuple[int, int]:
        """Return the number of frozen and of trainable parameters at a freeze point."""
        front, back = self.split_at(point)
        frozen = [] if front is None else front.weights
        return _count_values(frozen), _count_values(back.trainable_variables)

    def operation_index(self, point) -> int:
        """Return the index of a freeze point among the operations, -1 for nothing frozen."""
        if point is None:
            return -1
        if point == "features":
            point = self.architecture.backbone.stages[-1]
        return [operation.name for operation in self.model.operations].index(point)

    def is_linear_after(self, point: str | None) -> bool:
        """Return whether the output layer is the only one with weights after a freeze point."""
        _, back = self.split_at(point)
        return {variable.path.split("/")[0] for variable in back.weights} == {"output"}

    # -- Freeze points ---------------------------------------------------------------------

    def resolve_freeze_point(self, freeze_until: str | int | None) -> str | None:
        """Return the name of a freeze point, `None` for nothing frozen.

        Parameters
        ----------
        freeze_until : str, int or None
            A stage or layer, a number of body stages, "features" or `None`.

        Returns
        -------
        str or None
            "features" for the whole body, a stage's or a layer's name, or `None`.

        Raises
        ------
        ValueError
            If there is no such point, or nothing after it is left to train.
        """
        point = resolve_freeze_point(self.architecture.backbone, freeze_until, "freeze_until")
        self.split_at(point)
        return point

    def split_at(self, point: str | None):
        """Cut the network in two at a freeze point.

        The cut is after the following layers without variables (activations, pooling), before the
        first layer that learns or is random in training. Everything before it is a constant
        function of the image.

        Parameters
        ----------
        point : str or None
            "features", the name of a stage or layer, or `None`.

        Returns
        -------
        front, back : keras.Model or None, keras.Model
            The frozen part, `None` where nothing is frozen, and the part that trains.

        Raises
        ------
        ValueError
            If there is no such layer, other paths bypass it, or nothing is left to train.
        """
        if point is not None and point not in self._cuts:
            head_layers = ["dense"] if self.architecture.hidden_units else []
            tensor = self.output_at(point, "freeze_until", head_layers)
            if tensor is self.model.outputs[0]:
                raise ValueError(
                    f"freeze_until={point!r} leaves nothing to train: freeze up to a layer "
                    "before the output layer."
                )
            self._cuts[point] = self._split_after(self.move_on(tensor), point)
        return self._cuts[point]

    def name_of_cut(self, point: str | None) -> str | None:
        """Return the first of the stages, "features" and this freeze point that cuts as it does.

        Freeze points that cut at the same tensor are the same computation.
        """
        if point not in self._cut_names:
            tensor = self.split_at(point)[0].outputs[0]
            points = [*self.architecture.backbone.stages, "features", point]
            same = (each for each in points if self.split_at(each)[0].outputs[0] is tensor)
            self._cut_names[point] = next(same)
        return self._cut_names[point]

    def _split_after(self, tensor, point):
        try:
            # Other threads may cut the same graph.
            with fresh_keras_state(self.architecture.dtype):
                front = keras.Model(self.model.inputs[0], tensor, name="front")
                back = keras.Model(tensor, self.model.outputs[0], name="back")
        except ValueError as error:
            raise ValueError(
                f"freeze_until={point!r} is not a freeze point: other paths of the network bypass "
                f"this layer. Use one of {list(self.architecture.backbone.stages)}."
            ) from error
        trained = {variable.path for variable in back.weights}
        if shared := [variable.path for variable in front.weights if variable.path in trained]:
            backbone = self.architecture.backbone
            what, remedy = f"freeze_until={point!r}", f"Use one of {list(backbone.stages)}."
            if point in backbone.stages:
                what = f"Stage {point!r} of backbone {backbone.name!r}"
                remedy = f"Leave {point!r} out of its stages."
            raise ValueError(
                f"{what} is not a freeze point: the weights {shared} are used before it and after "
                f"it. A weight cannot be both frozen and trained. {remedy}"
            )
        return front, back


def _count_values(variables):
    return int(sum(np.prod(variable.shape) for variable in variables))
