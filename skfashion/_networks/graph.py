"""Keras graphs from images to features or logits, as pure functions of their weights."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras, tf
from .architecture import Architecture, BodyArchitecture, Weights

HEAD_LAYERS = (
    "flatten",
    "average",
    "normalize",
    "feature_dropout",
    "dense",
    "dropout",
    "output",
)


def add_body(architecture: BodyArchitecture):
    """Begin a graph with images (0 to 255) and a backbone; return both ends."""
    images = keras.Input(architecture.image_shape, name="images", dtype=architecture.float_type)
    x = images
    if architecture.body_size != architecture.image_shape[:2]:
        shrinks = np.less(architecture.body_size, architecture.image_shape[:2]).any()
        x = keras.layers.Resizing(*architecture.body_size, antialias=bool(shrinks), name="resize")(
            x
        )
    channels = architecture.backbone.channels
    if channels is not None and channels != architecture.image_shape[2]:
        x = keras.layers.Concatenate(name="grey_to_color")([x] * channels)
    return images, architecture.backbone.build(x)


def add_head(x, architecture: Architecture):
    """Add the classifier behind the body's output; return logits."""
    layers = keras.layers
    pooling = architecture.backbone.pooling
    if pooling == "flatten":
        x = layers.Flatten(name="flatten")(x)
    else:
        x = layers.GlobalAveragePooling2D(name="average")(x)
    if pooling == "normalized_average":
        # It has no weights, so it is part of what a freeze makes constant.
        x = layers.LayerNormalization(center=False, scale=False, name="normalize")(x)
    x = layers.Dropout(architecture.feature_dropout, name="feature_dropout")(x)
    if architecture.hidden_units:
        x = layers.Dense(architecture.hidden_units, activation="relu", name="dense")(x)
        x = layers.Dropout(architecture.dropout, name="dropout")(x)
    return layers.Dense(architecture.n_classes, name="output", dtype=architecture.float_type)(x)


def call_with_weights(model, weights, inputs):
    """Return a Keras model's output in inference mode; `weights` stand as in `model.weights`."""
    known = {id(v): value for v, value in zip(model.weights, weights, strict=True)}
    outputs, _ = model.stateless_call(
        [known[id(v)] for v in model.trainable_variables],
        # The seeds of dropout are variables too. Nothing reads them in inference.
        [known.get(id(v), v.value) for v in model.non_trainable_variables],
        inputs,
        training=False,
    )
    return outputs


def to_numpy(variable) -> np.ndarray:
    """Return a copy of a Keras variable."""
    return np.array(variable.value.numpy())


class Graph:
    """A Keras graph that owns no weights: they go in as arguments.

    The variables that Keras keeps in it are scratch space.

    Parameters
    ----------
    architecture : BodyArchitecture
        What to build.

    Attributes
    ----------
    body : keras.Model
        From images to the backbone's output.
    model : keras.Model
        The whole graph.
    """

    def __init__(self, architecture: BodyArchitecture):
        self.architecture = architecture
        # Keras keeps a variable's initialiser only until the variable has a value, which it gets
        # when the stateless scope ends.
        with (
            fresh_keras_state(architecture.dtype, reserved=HEAD_LAYERS),
            keras.StatelessScope() as assigned,
        ):
            images, features = add_body(architecture)
            self.body = keras.Model(images, features, name="body")
            self._check_layers()
            self._check_weights(assigned)
            self.model = keras.Model(images, self._finish(features), name="network")
            self._initializers = {v.path: v._initializer for v in self.model.weights}

    def _finish(self, features):
        """Add what follows on the body's output."""
        return features

    def _check_layers(self):
        backbone = self.architecture.backbone
        names = [layer.name for layer in self.body.layers]
        if taken := sorted(set(names) & set(HEAD_LAYERS)):
            raise ValueError(
                f"Backbone {backbone.name!r} has layers that are called {taken}, as layers of the "
                "head are. Give them other names."
            )
        if [name for name in names if name in backbone.stages] != list(backbone.stages):
            raise ValueError(
                f"Backbone {backbone.name!r} has stages={list(backbone.stages)}, but the layers "
                f"that it builds are {names}. Stages are names of these, from input to output."
            )
        behind = self.body.layers[names.index(backbone.stages[-1]) + 1 :]
        if beyond := [layer.name for layer in behind if layer.weights]:
            raise ValueError(
                f"Backbone {backbone.name!r} has layers with weights behind its last stage, "
                f"{backbone.stages[-1]!r}: {beyond}. The last stage closes the body."
            )

    def _check_weights(self, assigned):
        if any(assigned.get_current_value(v) is not None for v in self.body.weights):
            name = self.architecture.backbone.name
            raise ValueError(
                f"Backbone {name!r} loads weights when it is built, which none of its layers would "
                "keep. Build it with random ones, and give the file to the estimator: weights=PATH."
            )

    @cached_property
    def config(self) -> str:
        """What determines the whole graph, as Keras writes it."""
        return self._describe(self.model)

    @cached_property
    def body_config(self) -> str:
        """What determines the body's graph."""
        return self._describe(self.body)

    def _describe(self, model):
        try:
            return model.to_json()
        except NotImplementedError as error:
            raise ValueError(
                "memory knows a backbone by the configuration of its layers, but backbone "
                f"{self.architecture.backbone.name!r} has one that does not tell it. Give its "
                "class a get_config method, or set memory=None."
            ) from error

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight, by path."""
        return {variable.path: tuple(variable.shape) for variable in self.model.weights}

    def initial_weights(self, seeds, stream="weights", prefix="") -> Weights:
        """Draw each weight whose path begins so from its own initialiser, by a named seed."""
        return {
            variable.path: self._draw(variable, seeds.integer(stream, variable.path))
            for variable in self.model.weights
            if variable.path.startswith(prefix)
        }

    def _draw(self, variable, seed):
        initializer = self._initializers[variable.path]
        if isinstance(initializer, keras.Initializer):
            config = initializer.get_config()
            if "seed" in config:
                initializer = type(initializer).from_config({**config, "seed": seed})
        return np.array(initializer(tuple(variable.shape), dtype=variable.dtype))

    def cast(self, weights: Weights) -> Weights:
        """Return weights in the types that this graph's have."""
        types = {variable.path: variable.dtype for variable in self.model.weights}
        return {path: array.astype(types[path], copy=False) for path, array in weights.items()}


class FixedBatchFunction:
    """A Keras model in inference mode, traced for batches of one size.

    Parameters
    ----------
    model : keras.Model
        Graph with one input and one output.
    architecture : BodyArchitecture
        What it is part of.
    finish : callable, default=tf.identity
        What follows on the model's output.
    """

    def __init__(self, model, architecture: BodyArchitecture, finish=tf.identity):
        self.model = model
        self.paths = [variable.path for variable in model.weights]
        self.float_type = float_type = architecture.float_type
        self.batch_size = architecture.prediction_batch
        self.output_shape = tuple(model.outputs[0].shape[1:])
        run = tf.function(
            lambda weights, batch: tf.cast(
                finish(call_with_weights(model, weights, batch)), float_type
            ),
            autograph=False,
        )
        self._run = run.get_concrete_function(
            [tf.TensorSpec(v.shape, v.dtype) for v in model.weights],
            tf.TensorSpec((self.batch_size, *model.inputs[0].shape[1:]), float_type),
        )

    def bind(self, weights: Weights):
        """Return the function from a batch to the model's output, with these weights."""
        tensors = [tf.convert_to_tensor(weights[path]) for path in self.paths]
        return lambda batch: self._run(tensors, batch)


def run_batches(
    functions: Sequence[FixedBatchFunction], weights: Weights, inputs, outputs=None, places=None
) -> np.ndarray:
    """Run functions one behind the other over inputs of shape (n, ...); return what they give.

    Batches are of one fixed size, the last one padded, so that a row's result does not depend on
    how many others there are, and nothing is ever traced again. `outputs` may be given to be
    written to, and `places`, where in it the results go.
    """
    last, steps = functions[-1], [function.bind(weights) for function in functions]
    if outputs is None:
        outputs = np.empty((len(inputs), *last.output_shape), last.float_type)
    batch = np.zeros((last.batch_size, *inputs.shape[1:]), last.float_type)
    for start in range(0, len(inputs), last.batch_size):
        rows = inputs[start : start + last.batch_size]
        batch[: len(rows)] = rows
        result = tf.convert_to_tensor(batch)
        for step in steps:
            result = step(result)
        own = slice(start, start + len(rows))
        outputs[own if places is None else places[own]] = result[: len(rows)]
    return outputs
