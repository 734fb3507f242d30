"""Constants of normalisation layers as parts of the graph."""

import numpy as np

from .tensorflow import keras


def embed_normalization_constants(model) -> None:
    """Let the `Normalization` layers of a model hold their constants as NumPy arrays.

    Keras holds them as tensors. A traced function takes these as inputs, and so would an ONNX file
    that is made from it.

    Parameters
    ----------
    model : keras.Model
        The model.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization) and not layer.weights:
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
