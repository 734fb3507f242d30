"""The Keras model that users get from a fitted classifier."""

from .._data.pixel_range import scale_to_white
from .._keras.fused_batch_norm import use_keras_batch_normalization
from .._keras.global_state import fresh_keras_state
from .._keras.normalization_constants import embed_normalization_constants
from .._keras.runtime import check_runtime
from .._keras.tensorflow import keras
from .architecture import Architecture, Weights
from .network import Network, get_network


def build_fitted_model(
    architecture: Architecture,
    weights: Weights,
    pixel_range: tuple[float, float],
    freeze_point: str | None,
):
    """Build a Keras model from images in the user's units to class probabilities.

    Parameters
    ----------
    architecture : Architecture
        The network.
    weights : dict of str to ndarray
        Weights by path.
    pixel_range : tuple of (black, white)
        The values that mean black and white.
    freeze_point : str or None
        Layers before it are marked as not trainable.

    Returns
    -------
    keras.Model
        A model that shares nothing with the process's network.
    """
    check_runtime()
    black, scale = pixel_range[0], scale_to_white(pixel_range)
    model = Network(architecture).model
    use_keras_batch_normalization(model)
    embed_normalization_constants(model)
    for variable in model.weights:
        variable.assign(weights[variable.path])
    for name in _frozen_layers(architecture, freeze_point):
        model.get_layer(name).trainable = False
    with fresh_keras_state(architecture.float_type):
        images = keras.Input(architecture.image_shape, name="pixels", dtype=architecture.float_type)
        # A Keras model that is called without `training` takes the default of its first layer with
        # one, for this layer and all later ones. Augmentation and resizing layers have True: they
        # would make batch normalisation train. The first layer's argument sets the default to
        # False. It is stored with the model.
        x = keras.layers.Rescaling(scale, -black * scale, name="pixel_range")(
            images, training=False
        )
        x = keras.layers.Softmax(name="probabilities")(model(x))
        fitted_model = keras.Model(images, x, name="transfer_classifier")
        # Keras exports models to ONNX that were called. This call computes nothing.
        fitted_model(images)
        return fitted_model


def _frozen_layers(architecture, freeze_point) -> set[str]:
    # The process's network is cut, not the model's: each cut adds nodes to the layers.
    front, back = get_network(architecture).split_at(freeze_point)
    if front is None:
        return set()
    return {layer.name for layer in front.layers} - {layer.name for layer in back.layers}
