"""Batch normalisation by stored averages while the layers around it train."""

from .replaced_calls import replaced_calls
from .tensorflow import keras


def normalised_by_averages(model):
    """Return a context in which batch normalisation of a model calls itself in inference mode.

    A block traces the model in training mode. Layers of users are included, and layers inside
    layers. Several models share layers, so `layer.trainable` is not used: it would affect all of
    them. The caller holds the lock of `fresh_keras_state`, under which training is traced; in
    inference mode the layers do the same as before.

    Parameters
    ----------
    model : keras.Model
        The model.
    """
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    return replaced_calls((layer, _in_inference_mode(layer.call)) for layer in layers)


def _in_inference_mode(call):
    return lambda *args, **kwargs: call(*args, **{**kwargs, "training": False})
