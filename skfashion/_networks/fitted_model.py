"""The Keras model that users get from a fitted classifier."""

from .._keras.fused_batch_norm import use_keras_batch_normalization
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras
from .architecture import Architecture
from .graph import Weights
from .network import Network


def build_fitted_model(
    architecture: Architecture, weights: Weights, pixel_range: tuple[float, float]
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

    Returns
    -------
    keras.Model
        A model that shares nothing with the process's network.
    """
    black, white = pixel_range
    scale = 255.0 / (white - black if white != black else 1.0)
    model = Network(architecture).model
    use_keras_batch_normalization(model)
    for variable in model.weights:
        variable.assign(weights[variable.path])
    with fresh_keras_state(architecture.float_type):
        images = keras.Input(architecture.image_shape, name="pixels", dtype=architecture.float_type)
        x = keras.layers.Rescaling(scale, -black * scale, name="pixel_range")(images)
        x = keras.layers.Softmax(name="probabilities")(model(x))
        return keras.Model(images, x, name="transfer_classifier")
