"""Keras graphs from images to features or logits, without weights."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from .._backbones.freeze_points import describe_numbers
from .._backbones.keras_applications import learns_constants
from .._backbones.spec import Backbone, check_layer_names
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras
from .._messages import unknown_name_message
from .._random_streams import RandomStreams
from .architecture import Architecture, BodyArchitecture, Weights
from .layer_code import has_lambda, hash_layer_code

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
    """Begin a graph: images with values from 0 to 255, and a backbone; return both tensors."""
    images = keras.Input(architecture.image_shape, name="images", dtype=architecture.float_type)
    x = images
    if architecture.body_size != architecture.image_shape[:2]:
        shrinks = np.less(architecture.body_size, architecture.image_shape[:2]).any()
        resize = keras.layers.Resizing(
            *architecture.body_size, antialias=bool(shrinks), name="resize"
        )
        # Keras' Resizing trains by default, and so would all layers after it: see
        # `build_fitted_model`.
        x = resize(x, training=False)
    channels = architecture.backbone.channels
    if channels is not None and channels != architecture.image_shape[2]:
        x = keras.layers.Concatenate(name="grey_to_color")([x] * channels)
    try:
        return images, architecture.backbone.build(x)
    except Exception as error:
        error.add_note(
            f"This happened in build(images) of backbone {architecture.backbone.name!r}."
        )
        raise


def add_head(x, architecture: Architecture):
    """Add the classifier after the body's output; return logits."""
    layers = keras.layers
    x = pool_for_head(x, architecture.backbone)
    x = layers.Dropout(architecture.feature_dropout, name="feature_dropout")(x)
    if architecture.hidden_units:
        x = layers.Dense(architecture.hidden_units, activation="relu", name="dense")(x)
        x = layers.Dropout(architecture.dropout, name="dropout")(x)
    return layers.Dense(architecture.n_classes, name="output", dtype=architecture.float_type)(x)


def pool_for_head(x, backbone: Backbone):
    """Return features as the input vector of a head, by the backbone's pooling.

    Parameters
    ----------
    x : KerasTensor
        Features of the body, or of one of its stages.
    backbone : Backbone
        The backbone.
    """
    normalizes = backbone.pooling == "normalized_average"
    pooling = "average" if normalizes else backbone.pooling
    x = pool(x, pooling, pooling)
    if not normalizes:
        return x
    # It has no weights, so it belongs to the frozen part when the whole body is frozen.
    return keras.layers.LayerNormalization(center=False, scale=False, name="normalize")(x)


def pool(x, pooling: str, name: str | None = None):
    """Return features as a vector: flattened, or their average or maximum.

    Parameters
    ----------
    x : KerasTensor
        A feature map of shape (n, height, width, channels), tokens of shape (n, tokens, channels),
        or a vector of shape (n, channels), which is returned unchanged.
    pooling : {"average", "max", "flatten"}
        How the axes between the first and the last are removed.
    name : str, default=None
        Name of the layer; by default Keras' choice.

    Returns
    -------
    KerasTensor
        The vector.
    """
    layers, rank = keras.layers, len(x.shape)
    if rank == 2:
        return x
    if pooling == "flatten":
        return layers.Flatten(name=name)(x)
    layer = {
        ("average", 3): layers.GlobalAveragePooling1D,
        ("average", 4): layers.GlobalAveragePooling2D,
        ("max", 3): layers.GlobalMaxPooling1D,
        ("max", 4): layers.GlobalMaxPooling2D,
    }[pooling, rank]
    return layer(name=name)(x)


def output_of(model, layer: str):
    """Return the output tensor of a layer in the graph that a model was built from."""
    # The first node is the one in this graph; cutting adds others.
    return model.get_layer(layer)._inbound_nodes[0].output_tensors[0]


def to_numpy(variable) -> np.ndarray:
    """Return a copy of a Keras variable."""
    return np.array(variable.value.numpy())


def copy_variable(variable):
    """Return a new Keras variable of the same kind, filled with zeros."""
    copy = keras.Variable(
        np.zeros(variable.shape, variable.dtype), dtype=variable.dtype, name=variable.name
    )
    copy.constraint = variable.constraint
    return copy


def _taken_message(name: str, taken: list[str]) -> str:
    return (
        f"Backbone {name!r} has layers that are called {taken}, as layers of the head are. Give "
        "them other names."
    )


class Graph:
    """A Keras graph whose weights are arguments of its functions.

    The values of the variables in the graph are never read as weights.

    Parameters
    ----------
    architecture : BodyArchitecture
        Specification of the body.

    Attributes
    ----------
    body : keras.Model
        From images to the backbone's output.
    model : keras.Model
        The whole graph.

    Raises
    ------
    ValueError
        If the layers that the backbone builds contradict its description.
    """

    def __init__(self, architecture: BodyArchitecture):
        self.architecture = architecture
        # Keras keeps the initialiser of a variable only until the variable has a value. In a
        # stateless scope it gets one when the scope ends.
        with (
            fresh_keras_state(architecture.dtype, reserved=HEAD_LAYERS),
            keras.StatelessScope() as assigned,
        ):
            self.body = self._build_body()
            features = self.body.outputs[0]
            self._check_layers()
            self._check_weights(assigned)
            self.model = keras.Model(self.body.inputs[0], self._add_head(features), name="network")
            self._check_paths()
            self._initializers = {v.path: v._initializer for v in self.model.weights}

    def _add_head(self, features):
        """Add the head; return the graph's output."""
        return features

    def _build_body(self):
        images, features = add_body(self.architecture)
        reason = f"returned {features!r}"
        if isinstance(features, keras.KerasTensor):
            reason = f"returned one of shape {features.shape}"
            if len(features.shape) in (2, 3, 4) and None not in features.shape[1:]:
                try:
                    return keras.Model(images, features, name="body")
                except ValueError as error:
                    reason = f"returned one with another input: {error}"
        raise ValueError(
            f"Backbone {self.architecture.backbone.name!r}: build(images) must return one Keras "
            "tensor that is computed from images alone, of shape (n, height, width, channels), "
            f"(n, tokens, channels) or (n, channels), but it {reason}."
        )

    def _check_layers(self):
        backbone = self.architecture.backbone
        names = [layer.name for layer in self.body.layers]
        check_layer_names(names, backbone.name)
        for layer in self.body.layers:
            nested = [*layer._flatten_layers(include_self=False)]
            check_layer_names([each.name for each in nested], backbone.name, inside=layer.name)
            for each in (layer, *nested):
                self._check_kind(each)
        if taken := sorted({*names} & {*HEAD_LAYERS}):
            raise ValueError(_taken_message(backbone.name, taken))
        if "features" in names and backbone.stages[-1] != "features":
            raise ValueError(
                f"Backbone {backbone.name!r} has a layer that is called 'features', which names "
                f"the whole body, but the last stage is {backbone.stages[-1]!r}. Give the layer "
                "another name."
            )
        if [name for name in names if name in backbone.stages] != list(backbone.stages):
            raise ValueError(
                f"Backbone {backbone.name!r} has stages={list(backbone.stages)}, but the layers "
                f"that it builds are {names}. Stages are names of these, from input to output."
            )
        after_last_stage = self.body.layers[names.index(backbone.stages[-1]) + 1 :]
        if beyond := [layer.name for layer in after_last_stage if layer.weights]:
            raise ValueError(
                f"Backbone {backbone.name!r} has layers with weights after its last stage, "
                f"{backbone.stages[-1]!r}: {beyond}. Add the last of these layers to stages."
            )

    def _check_kind(self, layer):
        """Check for layers whose weights are not used, or not trained, as those of others are."""
        name = self.architecture.backbone.name
        if learns_constants(layer):
            raise ValueError(
                f"Backbone {name!r} has the layer {layer.name!r}, a Normalization that learns its "
                "constants from data and ignores those of a file. Give it mean and variance when "
                "it is made, or replace it by keras.models.clone_model. The backbones "
                "'efficientnet_b0' and 'efficientnet_v2_b0' have such layers."
            )
        if isinstance(layer, keras.layers.SpectralNormalization):
            raise ValueError(
                f"Backbone {name!r} has the layer {layer.name!r}, a SpectralNormalization, which "
                "replaces weights in each step of training. Use the layer inside it alone."
            )

    def _check_paths(self):
        # The path of a weight in a nested model may begin with the name of its layer.
        of_body = {variable.path.partition("/")[0] for variable in self.body.weights}
        head = {layer.name for layer in self.model.layers if layer not in self.body.layers}
        if taken := sorted(of_body & head):
            raise ValueError(_taken_message(self.architecture.backbone.name, taken))
        counts = Counter(variable.path for variable in self.model.weights)
        if repeated := [path for path, count in counts.items() if count > 1]:
            raise ValueError(
                f"Backbone {self.architecture.backbone.name!r} has more than one weight with each "
                f"of the paths {repeated}. Give layers of nested models other names, or nest them "
                "by keras.Sequential, whose name is then a part of the path."
            )

    def _check_weights(self, assigned):
        name = self.architecture.backbone.name
        if any(v._initializer is None for v in self.body.weights):
            raise ValueError(
                f"Backbone {name!r} uses layers that were made outside its build function. Make "
                "them inside, with random weights, and give a file to the estimator: weights=PATH."
            )
        if any(assigned.get_current_value(v) is not None for v in self.body.weights):
            raise ValueError(
                f"Backbone {name!r} loads weights when it is built, which none of its layers would "
                "keep. Build it with random ones, and give the file to the estimator: weights=PATH."
            )

    def output_at(self, layer: str, parameter: str = "layer", head_layers: Sequence[str] = ()):
        """Return the output tensor of a layer, or of the whole body for "features".

        Parameters
        ----------
        layer : str
            Name of a layer, or "features".
        parameter : str, default="layer"
            Name of the parameter, for the error.
        head_layers : sequence of str, default=()
            Layers of the head that the error lists.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        if layer == "features":
            return self.body.outputs[0]
        names = [each.name for each in self.model.layers]
        if layer not in names:
            backbone = self.architecture.backbone
            usual = [*backbone.stages, "features", *head_layers]
            head = " and of the head" if head_layers else ""
            raise ValueError(
                unknown_name_message(parameter, layer, usual, also=names)
                + f" These are the stages of backbone {backbone.name!r}{head}; "
                f"{describe_numbers(backbone)}."
            )
        return output_of(self.model, layer)

    @cached_property
    def config(self) -> str:
        """Keras' JSON of the whole graph: all that determines it, besides the user's code."""
        return self._to_json(self.model)

    @cached_property
    def body_config(self) -> str:
        """Keras' JSON of the body's graph."""
        return self._to_json(self.body)

    @cached_property
    def user_code(self) -> dict[str, str]:
        """Hashes of the user's code in operations of the body, by their names."""
        hashes = {each.name: hash_layer_code(each) for each in self.body.operations}
        return {name: of_code for name, of_code in hashes.items() if of_code}

    def _to_json(self, model):
        try:
            return model.to_json()
        except OSError as error:  # Keras quotes the source of lambdas, which a copy lacks
            if error.errno is not None:
                raise
            raise ValueError(self._lambda_message) from error
        except (NotImplementedError, TypeError) as error:
            raise ValueError(
                "memory and checkpoint recognise a backbone by the configuration of its layers, "
                f"but backbone {self.architecture.backbone.name!r} has a layer without one. Give "
                "its class a get_config method, or set memory=None and checkpoint=None."
            ) from error

    def check_recognised(self) -> None:
        """Check that `memory` and `checkpoint` can recognise the body.

        Raises
        ------
        ValueError
            If a layer has no configuration, or one with a lambda.
        """
        # Keras warns of a lambda, or fails if it finds no source, so attributes come first.
        if any(map(has_lambda, self.body.operations)) or '"__lambda__"' in self.body_config:
            raise ValueError(self._lambda_message)

    @property
    def _lambda_message(self):
        return (
            "memory and checkpoint recognise a backbone by the configuration of its layers, but "
            f"backbone {self.architecture.backbone.name!r} has a lambda there, which no other "
            "process recognises. Use a named function or a layer with get_config, or set "
            "memory=None and checkpoint=None."
        )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight, by path."""
        return {variable.path: tuple(variable.shape) for variable in self.model.weights}

    def initial_weights(
        self, streams: RandomStreams, stream: str = "weights", prefix: str = ""
    ) -> Weights:
        """Draw weights by their initialisers, each from a random stream named after its path.

        Parameters
        ----------
        streams : RandomStreams
            The random streams of a fit.
        stream : str, default="weights"
            First part of the streams' names.
        prefix : str, default=""
            Only weights whose path begins with it are drawn.

        Returns
        -------
        dict of str to ndarray
            Weights by path.
        """
        return {
            variable.path: self._draw(variable, streams.integer(stream, variable.path))
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
        """Return weights in the types of this graph's variables."""
        types = {variable.path: variable.dtype for variable in self.model.weights}
        return {
            path: array.astype(types.get(path, array.dtype), copy=False)
            for path, array in weights.items()
        }
