"""Graphs that run from stage to stage, and the keys under which outputs of stages are stored."""

import json
from collections.abc import Mapping
from functools import cached_property

from .._cache.fingerprint import environment_fingerprint
from .._cache.hashing import digest
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras
from .architecture import BodyArchitecture
from .batch_function import FixedBatchFunction
from .graph import Graph


class StagedGraph(Graph):
    """A graph that is cut at tensors that all its paths pass.

    The same traced function always computes the part between two of these tensors, so stored and
    computed outputs are bit-identical.

    Parameters
    ----------
    architecture : BodyArchitecture
        Specification of the body.
    """

    def __init__(self, architecture: BodyArchitecture):
        super().__init__(architecture)
        # Keras cannot cut after a layer that is called again further on.
        self._called_again = {op for op in self.model.operations if len(op._inbound_nodes) > 1}
        self._models: dict[tuple[int, int], keras.Model] = {}
        self._functions: dict[tuple[int, int], FixedBatchFunction] = {}

    # -- Cuts ------------------------------------------------------------------------------

    def move_on(self, tensor):
        """Return the last tensor that layers without variables compute from this one alone."""
        while (following := self._next_output_without_variables(tensor)) is not None:
            tensor = following
        return tensor

    def _next_output_without_variables(self, tensor):
        """Return the output of the tensor's only consumer if it has no variables, else `None`."""
        consumers = [
            (operation, node)
            for operation in self.model.operations
            for node in operation._inbound_nodes
            if any(consumed is tensor for consumed in node.input_tensors)
        ]
        if len(consumers) != 1:
            return None
        operation, node = consumers[0]
        is_chain = len(node.input_tensors) == len(node.output_tensors) == 1
        has_variables = bool(getattr(operation, "variables", None))
        if not is_chain or operation in self._called_again or has_variables:
            return None
        return node.output_tensors[0]

    # -- Functions -------------------------------------------------------------------------

    def model_between(self, begin, end):
        """Return the Keras model from one tensor to another, which depends on it alone."""
        key = id(begin), id(end)  # of tensors that the graph keeps alive
        if key not in self._models:
            with fresh_keras_state(self.architecture.dtype):
                self._models[key] = keras.Model(begin, end, name="stage")
        return self._models[key]

    def function_between(self, begin, end) -> FixedBatchFunction:
        """Return the traced function from one tensor to another."""
        key = id(begin), id(end)
        if key not in self._functions:
            model = self.model_between(begin, end)
            self._functions[key] = FixedBatchFunction(model, self.architecture)
        return self._functions[key]

    # -- Keys ------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """The key of the whole graph."""
        self.check_recognised()
        return digest(self.config, self.user_code)

    @property
    def key_of_images(self) -> str:
        """The key that those of all outputs are chained to."""
        batch_size = self.architecture.prediction_batch
        return digest(environment_fingerprint(), self._descriptions["images"], batch_size)

    def chain_key(self, key: str, model, hashes: Mapping[str, str]) -> str:
        """Return the key of a model's output, from the key of its input.

        Parameters
        ----------
        key : str
            The key of the input.
        model : keras.Model
            A part of this graph.
        hashes : dict of str to str
            A hash of each weight, by path.
        """
        operations = [
            self._descriptions.get(op.name) or (op.name, op.get_config())
            for op in model.operations[1:]
        ]
        return digest(key, operations, *(hashes[variable.path] for variable in model.weights))

    @cached_property
    def _descriptions(self) -> dict[str, str]:
        """Keras' configuration and the user's code of each operation of the body.

        A configuration has the names of inputs. Only earlier operations are part of it, so bodies
        that end earlier share it.
        """
        self.check_recognised()
        layers = json.loads(self.body_config)["config"]["layers"]
        return {
            layer["name"]: json.dumps(layer) + self.user_code.get(layer["name"], "")
            for layer in layers
        }
