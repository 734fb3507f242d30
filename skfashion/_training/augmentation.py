"""Random changes of training images: flips, and Keras layers on images from 0 to 255."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real

from .._messages import unknown_name_message

# Axes of a batch of images.
_FLIPS = {"horizontal": (2,), "vertical": (1,), "both": (2, 1)}

# name -> (default amount, largest amount); the order is the order in which they are applied
_AMOUNTS: dict[str, tuple[float | str, float | None]] = {
    "flip": ("horizontal", None),
    "rotate": (15.0, 180.0),
    "zoom": (0.1, 0.9),
    "shift": (0.1, 1.0),
    "erase": (0.25, 1.0),
}


def parse_augmentation(augmentation) -> tuple[tuple[str, float | str], ...]:
    """Return (name, amount) pairs in the order in which they are applied.

    Parameters
    ----------
    augmentation : str, sequence of str, mapping of str to amount, or None
        As the parameter of `TransferClassifier`.

    Raises
    ------
    ValueError
        For an unknown name or an amount out of range.
    """
    if augmentation is None:
        return ()
    if isinstance(augmentation, str):
        augmentation = [augmentation]
    if not isinstance(augmentation, Mapping):
        augmentation = dict.fromkeys(augmentation)
    for name, amount in augmentation.items():
        if name not in _AMOUNTS:
            raise ValueError(unknown_name_message("augmentation", name, _AMOUNTS))
        if amount is not None:
            _check_amount(name, amount)
    return tuple(
        (name, default if augmentation[name] is None else _to_float(augmentation[name]))
        for name, (default, _) in _AMOUNTS.items()
        if name in augmentation
    )


def _to_float(amount):
    return amount if isinstance(amount, str) else float(amount)


def _check_amount(name, amount):
    most = _AMOUNTS[name][1]
    if most is None:
        if amount not in _FLIPS:
            raise ValueError(unknown_name_message(f"augmentation[{name!r}]", amount, _FLIPS))
    elif not isinstance(amount, Real) or not 0 < float(amount) <= most:
        raise ValueError(
            f"augmentation[{name!r}] must be a number above 0 and at most {most:g}, "
            f"got {amount!r}. Leave the name out for none of it."
        )


@dataclass(frozen=True)
class Flips:
    """The mirror images that an image may become: so few that features of each can be kept.

    Parameters
    ----------
    axes : tuple of int
        Axes of a batch of images.
    """

    axes: tuple[int, ...] = ()

    def __len__(self) -> int:
        return 2 ** len(self.axes)

    def variant(self, images, number):
        """Return the mirror images of this number, from 0 (as they are)."""
        axes = tuple(axis for n, axis in enumerate(self.axes) if number >> n & 1)
        return replace(images, mirrored=axes)

    def apply(self, images, numbers):
        """Flip each image of a batch as its number says, inside a graph."""
        from .._keras.tensorflow import tf

        for n, axis in enumerate(self.axes):
            chosen = tf.cast(tf.bitwise.right_shift(numbers, n) & 1, tf.bool)
            images = tf.where(chosen[:, None, None, None], tf.reverse(images, [axis]), images)
        return images


def split_off_flips(augmentation) -> tuple[Flips, tuple]:
    """Take parsed (name, amount) pairs apart: flips, which come first, and the others."""
    flips = Flips(*(_FLIPS[amount] for name, amount in augmentation if name == "flip"))
    return flips, tuple(pair for pair in augmentation if pair[0] != "flip")


def build_augmentation(augmentation) -> list:
    """Build the layers for parsed (name, amount) pairs without flips."""
    from .._keras.tensorflow import keras

    layers = keras.layers
    makers = {
        "rotate": lambda amount: layers.RandomRotation(amount / 360),
        "zoom": lambda amount: layers.RandomZoom(amount, amount),
        "shift": lambda amount: layers.RandomTranslation(amount, amount),
        "erase": lambda amount: layers.RandomErasing((amount, amount)),
    }
    return [makers[name](amount) for name, amount in augmentation]
