"""Random changes of training images as Keras layers on images from 0 to 255."""

from .._keras.tensorflow import keras
from .augmentation import Augmentation
from .random_crop import PadAndCrop


def build_augmentation_layers(augmentation: Augmentation) -> list:
    """Build a Keras layer for each parsed (name, amount) pair."""
    layers = keras.layers
    builders = {
        "horizontal flip": lambda _: layers.RandomFlip("horizontal"),
        "vertical flip": lambda _: layers.RandomFlip("vertical"),
        "rotate": lambda amount: layers.RandomRotation(amount / 360),
        "zoom": lambda amount: layers.RandomZoom(amount, amount),
        "shift": lambda amount: layers.RandomTranslation(amount, amount),
        "crop": PadAndCrop,
        "erase": lambda amount: layers.RandomErasing((amount, amount)),
    }
    changes = [change for pair in augmentation for change in _split_flip(*pair)]
    return [builders[name](amount) for name, amount in changes]


def _split_flip(name, amount):
    """Return a flip along both axes as two: Keras' layer flips along both or along none."""
    if name != "flip":
        return [(name, amount)]
    axes = ("horizontal", "vertical") if amount == "both" else (amount,)
    return [(f"{axis} flip", 1.0) for axis in axes]
