"""Keras graphs: body and head, cut in two at a freeze point, as functions of their weights.

A `Network` is shared by every estimator of one architecture in the process. It is never fitted:
weights go in as arguments and results come out, so estimators, threads and callbacks can use it
at the same time. The variables that Keras keeps in the graph are scratch space.
"""

import warnings
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import numpy as np

from ._architecture import Architecture
from ._backbones import unknown_name
from ._keras_globals import fresh_keras_globals
from ._tensorflow import keras, tf

PREDICTION_BATCH = 128
MOST_NETWORKS = 8
HEAD_LAYERS = ("flatten", "average", "feature_dropout", "dense", "dropout", "output")
WEIGHTS_SUFFIX = ".weights.h5"

Weights = dict[str, np.ndarray]


@lru_cache(maxsize=MOST_NETWORKS)
def get_network(architecture: Architecture) -> "Network":
    """Return the process's network of this architecture; the least recently used one goes."""
    return Network(architecture)


def build_model(architecture: Architecture):
    """Build a Keras model from images (0 to 255) to logits.

    Returns
    -------
    model : keras.Model
        The model.
    body_output : keras.KerasTensor
        Where the body ends.
    initializers : dict of str to callable
        The initialiser of each weight, by path.
    """
    # Keras keeps a variable's initialiser only until the variable has a value, which it gets when
    # the stateless scope ends.
    with fresh_keras_globals(reserved=HEAD_LAYERS), keras.StatelessScope():
        images = keras.Input(architecture.image_shape, name="images", dtype=architecture.float_type)
        body_output = _add_body(images, architecture)
        logits = _add_head(body_output, architecture)
        model = keras.Model(images, logits, name="network")
        initializers = {variable.path: variable._initializer for variable in model.weights}
    return model, body_output, initializers


def _add_body(images, architecture):
    dtype = architecture.dtype
    if architecture.body_size != architecture.image_shape[:2]:
        images = keras.layers.Resizing(
            *architecture.body_size, data_format="channels_last", name="resize", dtype=dtype
        )(images)
    return architecture.backbone.build(images, dtype)


def _add_head(x, architecture):
    layers, dtype = keras.layers, architecture.dtype
    if architecture.backbone.pooling == "flatten":
        x = layers.Flatten(data_format="channels_last", name="flatten", dtype=dtype)(x)
    else:
        x = layers.GlobalAveragePooling2D(data_format="channels_last", name="average", dtype=dtype)(
            x
        )
    x = layers.Dropout(architecture.feature_dropout, name="feature_dropout", dtype=dtype)(x)
    if architecture.hidden_units:
        x = layers.Dense(architecture.hidden_units, activation="relu", name="dense", dtype=dtype)(x)
        x = layers.Dropout(architecture.dropout, name="dropout", dtype=dtype)(x)
    return layers.Dense(architecture.n_classes, name="output", dtype=architecture.float_type)(x)


def to_numpy(variable) -> np.ndarray:
    """Return a copy of a Keras variable."""
    return np.array(variable.value.numpy())


def infer(model, weights, inputs):
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


def build_fitted_model(architecture: Architecture, weights: Weights, pixel_range):
    """Build a Keras model from images in the user's units to probabilities."""
    low, high = pixel_range
    scale = 255.0 / (high - low if high > low else 1.0)
    dtype = architecture.float_type
    model, _, _ = build_model(architecture)
    for variable in model.weights:
        variable.assign(weights[variable.path])
    with fresh_keras_globals():
        images = keras.Input(architecture.image_shape, name="pixels", dtype=dtype)
        x = keras.layers.Rescaling(scale, -low * scale, name="pixel_range", dtype=dtype)(images)
        x = keras.layers.Softmax(name="probabilities", dtype=dtype)(model(x))
        return keras.Model(images, x, name="transfer_classifier")


class BatchFunction:
    """A Keras model in inference mode, as a function of weights and images.

    It runs in batches of one fixed size, the last one padded, so that a row's result does not
    depend on how many others there are, and nothing is ever traced again.

    Parameters
    ----------
    model : keras.Model
        Graph with one input and one output.
    float_type : str
        Type of inputs and outputs.
    finish : callable, default=tf.identity
        What follows on the model's output.
    """

    def __init__(self, model, float_type, finish=tf.identity):
        self._paths = [variable.path for variable in model.weights]
        self._float_type = float_type
        self._output_shape = tuple(model.outputs[0].shape[1:])
        run = tf.function(
            lambda weights, batch: tf.cast(finish(infer(model, weights, batch)), float_type),
            autograph=False,
        )
        self._run = run.get_concrete_function(
            [tf.TensorSpec(v.shape, v.dtype) for v in model.weights],
            tf.TensorSpec((PREDICTION_BATCH, *model.inputs[0].shape[1:]), float_type),
        )

    def __call__(self, weights: Weights, images) -> np.ndarray:
        """Return the model's outputs for images of shape (n, h, w, c), in their order."""
        tensors = [tf.convert_to_tensor(weights[path]) for path in self._paths]
        outputs = np.empty((len(images), *self._output_shape), self._float_type)
        batch = np.zeros((PREDICTION_BATCH, *images.shape[1:]), self._float_type)
        for start in range(0, len(images), PREDICTION_BATCH):
            rows = images[start : start + PREDICTION_BATCH]
            batch[: len(rows)] = rows
            result = self._run(tensors, tf.convert_to_tensor(batch))
            outputs[start : start + len(rows)] = result[: len(rows)]
        return outputs


class Network:
    """The graph of an architecture, as pure functions.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    """

    def __init__(self, architecture: Architecture):
        self.architecture = architecture
        self.model, self._body_output, self._initializers = build_model(architecture)
        self.body = keras.Model(self.model.inputs[0], self._body_output, name="body")
        self._check_stages()
        # Keras cannot cut behind a layer that is called again further on.
        self._called_again = {op for op in self.model.operations if len(op._inbound_nodes) > 1}
        self._scratch = Lock()
        self._probabilities = BatchFunction(
            self.model, architecture.float_type, finish=tf.nn.softmax
        )
        self._cuts: dict[str | None, tuple] = {None: (None, self.model)}
        self._fronts: dict[str, BatchFunction] = {}

    def _check_stages(self):
        names = [layer.name for layer in self.body.layers]
        found = [name for name in names if name in self.architecture.backbone.stages]
        if found != list(self.architecture.backbone.stages):
            raise ValueError(
                f"Backbone {self.architecture.backbone.name!r} has stages="
                f"{list(self.architecture.backbone.stages)}, but the layers that it builds are "
                f"{names}. Stages are names of these, from input to output."
            )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight, by path."""
        return {variable.path: tuple(variable.shape) for variable in self.model.weights}

    def initial_weights(self, seeds, stream="weights") -> Weights:
        """Draw each weight from its own initialiser, by a named seed."""
        return {
            variable.path: self._draw(variable, seeds.integer(stream, variable.path))
            for variable in self.model.weights
        }

    def _draw(self, variable, seed):
        initializer = self._initializers[variable.path]
        if isinstance(initializer, keras.Initializer):
            config = initializer.get_config()
            if "seed" in config:
                initializer = type(initializer).from_config({**config, "seed": seed})
        return np.array(initializer(tuple(variable.shape), dtype=variable.dtype))

    def cast(self, weights: Weights) -> Weights:
        """Return weights in the types that this network's have."""
        types = {variable.path: variable.dtype for variable in self.model.weights}
        return {path: array.astype(types[path], copy=False) for path, array in weights.items()}

    def predict_proba(self, weights: Weights, images) -> np.ndarray:
        """Return class probabilities, of shape (n, n_classes), in the network's float type."""
        return self._probabilities(weights, images)

    def features(self, point, weights: Weights, images) -> np.ndarray:
        """Return the frozen part's outputs at a freeze point."""
        if point not in self._fronts:
            self._fronts[point] = BatchFunction(self.cut_at(point)[0], self.architecture.float_type)
        return self._fronts[point](weights, images)

    def feature_bytes(self, point) -> int:
        """Return the bytes that the frozen part's output of one image takes."""
        shape = self.cut_at(point)[0].outputs[0].shape[1:]
        return int(np.prod(shape)) * np.dtype(self.architecture.float_type).itemsize

    # -- Freeze points ---------------------------------------------------------------------

    def freeze_point(self, freeze_until) -> str | None:
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
        stages = self.architecture.backbone.stages
        if isinstance(freeze_until, bool):
            raise ValueError(
                f"freeze_until={freeze_until} is neither a name nor a number of stages. Use None "
                'for nothing, or "features" for the whole body.'
            )
        if freeze_until is None or freeze_until == "features":
            return freeze_until
        if isinstance(freeze_until, str):
            self.cut_at(freeze_until)
            return freeze_until
        count = freeze_until + len(stages) if freeze_until < 0 else freeze_until
        if not 0 <= count <= len(stages):
            raise ValueError(
                f"freeze_until={freeze_until} is out of range: backbone "
                f"{self.architecture.backbone.name!r} has {len(stages)} stages, {list(stages)}. "
                f"Give a number from {-len(stages)} to {len(stages)}, or a name."
            )
        if count == len(stages):
            return "features"
        return stages[count - 1] if count else None

    def cut_at(self, point):
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
            while (following := self._constant_function_of(tensor)) is not None:
                tensor = following
            self._cuts[point] = self._cut_behind(tensor, point)
        return self._cuts[point]

    def _tensor_at(self, point):
        """Return the tensor that a freeze point stands for."""
        if point == "features":
            return self._body_output
        names = [layer.name for layer in self.model.layers]
        if point not in names:
            backbone = self.architecture.backbone
            usual = [*backbone.stages, "features", *(name for name in names if name == "dense")]
            others = [name for name in names if name not in (*usual, "output")]
            raise ValueError(
                unknown_name("freeze_until", point, usual + others)
                + f" The stages of backbone {backbone.name!r} are {list(backbone.stages)}; None "
                "freezes nothing."
            )
        # The first node is the one in this graph; cutting adds others.
        return self.model.get_layer(point)._inbound_nodes[0].output_tensors[0]

    def _constant_function_of(self, tensor):
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

    def _cut_behind(self, tensor, point):
        try:
            front = keras.Model(self.model.inputs[0], tensor, name="front")
            return front, keras.Model(tensor, self.model.outputs[0], name="back")
        except ValueError as error:
            raise ValueError(
                f"freeze_until={point!r} is no freeze point: other paths through the network go "
                f"round it. Use one of {list(self.architecture.backbone.stages)}."
            ) from error

    # -- Weight files ----------------------------------------------------------------------

    def save_body(self, weights: Weights, path) -> None:
        """Write the body's weights as a Keras `.weights.h5` file, or leave what is there."""
        path = Path(path)
        if not path.name.endswith(WEIGHTS_SUFFIX):
            raise ValueError(f"path={str(path)!r} must end in {WEIGHTS_SUFFIX!r}.")
        with TemporaryDirectory(dir=path.parent, prefix=".skfashion-") as folder:
            written = Path(folder, path.name)
            with self._scratch:
                for variable in self.body.weights:
                    variable.assign(weights[variable.path])
                with warnings.catch_warnings():
                    # Keras 3.15 lets NumPy 2.4 complain about its variables' __array__.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    self.body.save_weights(written)
            written.replace(path)

    def load_body(self, path) -> Weights:
        """Read the body's weights from a Keras `.weights.h5` file."""
        path = Path(path)
        if not path.name.endswith(WEIGHTS_SUFFIX):
            raise ValueError(
                f"weights={str(path)!r} must be None or the path of a {WEIGHTS_SUFFIX!r} file, as "
                "save_backbone_weights writes it."
            )
        if not path.is_file():
            raise FileNotFoundError(f"weights={str(path)!r}: there is no such file.")
        with self._scratch, warnings.catch_warnings():
            # Keras only warns where a file has no weights for a layer.
            warnings.simplefilter("error", UserWarning)
            try:
                self.body.load_weights(path)
            except (ValueError, OSError, KeyError, UserWarning) as error:
                raise ValueError(
                    f"weights={str(path)!r} does not fit the body of backbone "
                    f"{self.architecture.backbone.name!r} on images of shape "
                    f"{self.architecture.image_shape}: {error}"
                ) from error
            return {variable.path: to_numpy(variable) for variable in self.body.weights}
