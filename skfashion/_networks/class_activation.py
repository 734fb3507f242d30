"""Grad-CAM: how much each pixel of a feature map adds to the score of a class."""

from functools import cached_property, lru_cache

import numpy as np

from .._backbones.freeze_points import resolve_layer
from .._data.array_source import ArraySource
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras, tf
from .._keras.tracing import trace
from .architecture import Architecture, Weights
from .batch_function import call_with_weights, pad_rows, weight_specs, weight_tensors
from .graph import output_of
from .network import Network, get_network

MAX_CLASS_ACTIVATIONS = 8


def get_class_activation(architecture: Architecture, layer: str | int | None) -> "ClassActivation":
    """Return the process's class activation of a layer; the least recently used is dropped.

    Parameters
    ----------
    architecture : Architecture
        The network.
    layer : str, int or None
        A stage or layer, a number of body stages, or "features" for the whole body. `None` is the
        last stage that has a feature map.

    Raises
    ------
    ValueError
        If there is no such layer, or its output is not a feature map.
    RuntimeError
        If TensorFlow cannot compute here: see `check_runtime`.
    """
    name = _resolve_feature_map(get_network(architecture), layer)
    return build_class_activation(architecture.traced, name)


@lru_cache(maxsize=MAX_CLASS_ACTIVATIONS)
def build_class_activation(architecture: Architecture, layer: str) -> "ClassActivation":
    """Build a class activation, or return the one that was built before."""
    return ClassActivation(get_network(architecture), layer)


def _resolve_feature_map(network: Network, layer) -> str:
    """Return the name of a layer whose output is a feature map."""
    backbone = network.architecture.backbone
    stages = [name for name in backbone.stages if _is_feature_map(output_of(network.body, name))]
    if layer is None and stages:
        return stages[-1]
    if layer is None:
        found = f"layer=None is the last stage with a feature map, but backbone {backbone.name!r}"
    else:
        layer = resolve_layer(backbone, layer)
        output = network.output_at(layer)
        if _is_feature_map(output):
            return layer
        found = (
            f"layer={layer!r} has an output of shape {tuple(output.shape[1:])}, which is not a "
            f"feature map of shape (height, width, channels). Backbone {backbone.name!r}"
        )
    if stages:
        raise ValueError(f"{found} has these stages with one: {stages}.")
    layers = [each.name for each in network.body.layers if _is_feature_map(each.output)]
    raise ValueError(f"{found} has no such stage. Its layers with a feature map are {layers}.")


def _is_feature_map(output) -> bool:
    return isinstance(output, keras.KerasTensor) and len(output.shape) == 4


class ClassActivation:
    """Gradient-weighted class activation maps of a layer [1]_.

    Parameters
    ----------
    network : Network
        The network.
    layer : str
        A layer whose output is a feature map, or "features" for the whole body.

    References
    ----------
    .. [1] Selvaraju et al.: "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
       Localization", ICCV 2017, arXiv:1610.02391.
    """

    def __init__(self, network: Network, layer: str):
        self._architecture = network.architecture
        # Both outputs are from one pass through the whole graph, so other paths may bypass the
        # layer, as in a block of branches.
        outputs = [network.output_at(layer), network.model.outputs[0]]
        with fresh_keras_state(self._architecture.dtype):
            self._model = keras.Model(network.model.inputs[0], outputs, name="class_activation")

    def gradients(self, weights, images, classes):
        """Return the layer's output, and the gradients of a logit with respect to it.

        Only a traced function can call this.

        Parameters
        ----------
        weights : list of Tensor
            Weights, ordered as those of the model.
        images : Tensor of shape (n, h, w, c)
            Images from 0 to 255.
        classes : int32 Tensor of shape (n,)
            The logit of each image.

        Returns
        -------
        features, gradients : Tensor of shape (n, map_height, map_width, channels)
            In the type that the layer computes in.
        """
        features, logits = call_with_weights(self._model, weights, images)
        # In inference mode an image does not depend on its neighbours, so the gradient of a sum
        # over images holds the gradients of each. A tape would have to watch the images, and lose
        # track where a layer before this one rounds or casts to integers.
        scores = tf.gather(logits, classes, batch_dims=1)
        zero = tf.UnconnectedGradients.ZERO
        (gradients,) = tf.gradients(scores, features, unconnected_gradients=zero)
        return features, gradients

    def _batch_maps(self, weights, images, classes):
        """Return maps of shape (n, h, w), each scaled to its maximum."""
        float_type = self._architecture.float_type
        features, gradients = (
            tf.cast(each, float_type) for each in self.gradients(weights, images, classes)
        )
        channel_weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        maps = tf.nn.relu(tf.reduce_sum(channel_weights * features, axis=-1, keepdims=True))
        # The map of an enlarged image may have more pixels than the image: `antialias` averages.
        size = self._architecture.image_shape[:2]
        maps = tf.cast(tf.image.resize(maps, size, antialias=True), float_type)[..., 0]
        highest = tf.reduce_max(maps, axis=(1, 2), keepdims=True)
        return tf.cast(tf.math.divide_no_nan(maps, highest), tf.float32)

    @cached_property
    def _run(self):
        """The traced `_batch_maps`."""
        architecture = self._architecture
        batch = architecture.prediction_batch
        with fresh_keras_state(architecture.dtype):
            return trace(
                self._batch_maps,
                weight_specs(self._model),
                tf.TensorSpec((batch, *architecture.image_shape), architecture.float_type),
                tf.TensorSpec([batch], tf.int32),
            )

    def maps(self, weights: Weights, images: ArraySource, classes: np.ndarray) -> np.ndarray:
        """Return the map of each image for a class, batch by batch.

        Parameters
        ----------
        weights : dict of str to ndarray
            Weights by path.
        images : array-like of shape (n, h, w, c)
            Images from 0 to 255: anything with a shape whose slices are arrays.
        classes : ndarray of int of shape (n,)
            The index of the class that each map is for.

        Returns
        -------
        ndarray of shape (n, h, w)
            float32 values from 0 to 1. The maximum of a map is 1, unless all of it is 0.
        """
        tensors = weight_tensors(self._model, weights)
        size = self._architecture.prediction_batch
        maps = np.empty(images.shape[:3], np.float32)
        for start in range(0, len(images), size):
            rows = slice(start, start + size)
            # The last batch is padded, so nothing is traced again.
            batch = pad_rows(images[rows], size, self._architecture.float_type)
            batch_classes = pad_rows(classes[rows], size, np.int32)
            result = self._run(
                tensors, tf.convert_to_tensor(batch), tf.convert_to_tensor(batch_classes)
            )
            maps[rows] = result[: len(classes[rows])]
        return maps
