"""Networks: body and head, cut in two at a freeze point, as functions of their weights.

A `Network` is shared by every estimator of one architecture in the process. It is never fitted:
weights go in as arguments and results come out, so estimators, threads and callbacks can use it
at the same time.
"""

from functools import cached_property, lru_cache
from itertools import pairwise

from .._backbones.freeze_points import resolve_freeze_point
from .._keras.fused_batch_norm import use_keras_batch_normalization
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras, tf
from .._messages import unknown_name_message
from .architecture import Architecture
from .graph import FixedBatchFunction, Graph, Weights, add_head

MOST_NETWORKS = 8


@lru_cache(maxsize=MOST_NETWORKS)
def get_network(architecture: Architecture) -> "Network":
    """Return the process's network of this architecture; the least recently used one goes."""
    return Network(architecture)


def build_fitted_model(architecture: Architecture, weights: Weights, pixel_range):
    """Build a Keras model from images in the user's units to probabilities."""
    low, high = pixel_range
    scale = 255.0 / (high - low if high != low else 1.0)
    model = Network(architecture).model
    use_keras_batch_normalization(model)
    for variable in model.weights:
        variable.assign(weights[variable.path])
    with fresh_keras_state(architecture.float_type):
        images = keras.Input(architecture.image_shape, name="pixels", dtype=architecture.float_type)
        x = keras.layers.Rescaling(scale, -low * scale, name="pixel_range")(images)
        x = keras.layers.Softmax(name="probabilities")(model(x))
        return keras.Model(images, x, name="transfer_classifier")


class Network(Graph):
    """The graph of an architecture from images to logits, and its cuts.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    """

    architecture: Architecture

    def __init__(self, architecture: Architecture):
        super().__init__(architecture)
        # Keras cannot cut behind a layer that is called again further on.
        self._called_again = {op for op in self.model.operations if len(op._inbound_nodes) > 1}
        self._cuts: dict[str | None, tuple] = {None: (None, self.model)}
        self._pieces: dict[tuple[int, int], FixedBatchFunction] = {}
        self._finishes: dict[str | None, FixedBatchFunction] = {}

    def _finish(self, features):
        return add_head(features, self.architecture)

    # -- Inference -------------------------------------------------------------------------

    def head_function(self, point) -> FixedBatchFunction:
        """Return the function from a cut to probabilities."""
        if point not in self._finishes:
            back = self.split_at(point)[1]
            self._finishes[point] = FixedBatchFunction(
                back, self.architecture, finish=tf.nn.softmax
            )
        return self._finishes[point]

    def stage_functions(self, point) -> list[FixedBatchFunction]:
        """Return the frozen part as functions from stage to stage.

        A deeper cut begins with the pieces of a shallower one, so that features at one can be
        computed from features at the other, with the same bits.
        """
        ends = self._stage_outputs(point)
        return [self._piece(*piece) for piece in pairwise([self.model.inputs[0], *ends])]

    def _stage_outputs(self, point):
        if point is None:
            return []
        front = self.split_at(point)[0]
        in_front = {id(node.outputs[0]) for op in front.operations for node in op._inbound_nodes}
        points = [*self.architecture.backbone.stages, point]
        ends = {id(end): end for end in (self.split_at(each)[0].outputs[0] for each in points)}
        return [end for key, end in ends.items() if key in in_front]

    def _piece(self, begin, end):
        key = id(begin), id(end)  # of tensors that the graph keeps alive
        if key not in self._pieces:
            piece = keras.Model(begin, end, name="piece")
            self._pieces[key] = FixedBatchFunction(piece, self.architecture)
        return self._pieces[key]

    # -- Depth -----------------------------------------------------------------------------

    @cached_property
    def depth_from_head(self) -> dict[str, int | None]:
        """How many stages of the body lie behind each weight's own one; `None` in the head."""
        stages, body = self.architecture.backbone.stages, set(self.body.operations)
        behind, left = {}, len(stages) - 1
        for operation in self.model.operations:
            for variable in getattr(operation, "variables", ()):
                behind[variable.path] = max(left, 0) if operation in body else None
            left -= operation.name in stages
        return behind

    def unfreeze_points(self, point) -> list[str | None]:
        """Return the freeze points behind this one, the whole body first, then stage by stage."""
        stages = self.architecture.backbone.stages
        place = self._operation_index(point)
        behind = [stage for stage in stages[:-1] if self._operation_index(stage) > place]
        if place >= self._operation_index("features"):
            return []
        return ["features", *behind[::-1]]

    def depth_of(self, point) -> int:
        """Return how many of the body's stages, and then of the head's layers, a freeze holds.

        Layers of the head without weights do not count.
        """
        body, place = set(self.body.operations), self._operation_index(point)
        head = [
            operation.name
            for operation in self.model.operations
            if operation not in body and getattr(operation, "weights", None)
        ]
        return sum(
            self._operation_index(n) <= place for n in [*self.architecture.backbone.stages, *head]
        )

    def _operation_index(self, point) -> int:
        """Return where a freeze point stands among the operations, -1 for nothing frozen."""
        if point is None:
            return -1
        if point == "features":
            point = self.architecture.backbone.stages[-1]
        return [operation.name for operation in self.model.operations].index(point)

    # -- Freeze points ---------------------------------------------------------------------

    def resolve_freeze_point(self, freeze_until) -> str | None:
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
            If there is no such point, or nothing behind it is left to train.
        """
        point = resolve_freeze_point(self.architecture.backbone, freeze_until, "freeze_until")
        self.split_at(point)
        return point

    def split_at(self, point):
        """Cut the network in two behind a freeze point.

        The cut moves on past layers that have no variables (activations, pooling) up to the
        first that learns or is random in training: what lies in front of it is a constant
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
            If there is no such layer, paths go round it, or nothing is left to train.
        """
        if point not in self._cuts:
            tensor = self._tensor_at(point)
            if tensor is self.model.outputs[0]:
                raise ValueError(
                    f"freeze_until={point!r} leaves nothing to train: freeze up to a layer in "
                    "front of the output layer."
                )
            while (following := self._next_output_without_variables(tensor)) is not None:
                tensor = following
            self._cuts[point] = self._split_after(tensor, point)
        return self._cuts[point]

    def _tensor_at(self, point):
        """Return the tensor that a freeze point stands for."""
        if point == "features":
            return self.body.outputs[0]
        names = [layer.name for layer in self.model.layers]
        if point not in names:
            backbone = self.architecture.backbone
            usual = [*backbone.stages, "features", *(name for name in names if name == "dense")]
            raise ValueError(
                unknown_name_message("freeze_until", point, usual, also=names)
                + f" These are the stages of backbone {backbone.name!r} and of the head; None "
                "freezes nothing."
            )
        # The first node is the one in this graph; cutting adds others.
        return self.model.get_layer(point)._inbound_nodes[0].output_tensors[0]

    def _next_output_without_variables(self, tensor):
        """Return what alone is computed from a tensor, without variables and else; or `None`."""
        takers = [
            (operation, node)
            for operation in self.model.operations
            for node in operation._inbound_nodes
            if any(taken is tensor for taken in node.input_tensors)
        ]
        if len(takers) != 1:
            return None
        operation, node = takers[0]
        alone = len(node.input_tensors) == len(node.output_tensors) == 1
        if not alone or operation in self._called_again or getattr(operation, "variables", None):
            return None
        return node.output_tensors[0]

    def _split_after(self, tensor, point):
        try:
            front = keras.Model(self.model.inputs[0], tensor, name="front")
            return front, keras.Model(tensor, self.model.outputs[0], name="back")
        except ValueError as error:
            raise ValueError(
                f"freeze_until={point!r} is no freeze point: other paths through the network go "
                f"round it. Use one of {list(self.architecture.backbone.stages)}."
            ) from error
