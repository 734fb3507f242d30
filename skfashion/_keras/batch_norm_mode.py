"""Batch normalisation by stored averages while the layers around it train."""

from contextlib import contextmanager

from .tensorflow import keras


@contextmanager
def normalised_by_averages(model):
    """Let the batch-normalisation layers of a model call themselves in inference mode.

    A block traces the model in training mode. Layers of users are covered, and layers inside of
    layers. Several models share layers, so `layer.trainable` is left alone: it would change what
    all of them train. The caller holds the lock of `fresh_keras_state`, under which training is
    traced; in inference mode the layers do the same as before.

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
    for layer in layers:
        vars(layer)["call"] = _in_inference_mode(layer.call)
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["call"]


def _in_inference_mode(call):
    return lambda *args, **kwargs: call(*args, **{**kwargs, "training": False})
