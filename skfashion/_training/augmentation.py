"""Random changes of training images: their names and amounts, and flips."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np

from .._messages import unknown_name_message

# Axes of a batch of images.
_FLIP_AXES = {"horizontal": (2,), "vertical": (1,), "both": (2, 1)}

# name -> (default amount, largest amount), in the order in which they are applied
_AMOUNTS: dict[str, tuple[float | str, float | None]] = {
    "flip": ("horizontal", None),
    "rotate": (15.0, 180.0),
    "zoom": (0.1, 0.9),
    "shift": (0.1, 1.0),
    "crop": (0.1, 0.5),
    "erase": (0.25, 1.0),
}

Augmentation = tuple[tuple[str, float | str], ...]


def parse_augmentation(augmentation) -> Augmentation:
    """Return (name, amount) pairs in the order in which they are applied.

    Parameters
    ----------
    augmentation : str, sequence of str, mapping of str to amount, or None
        The parameter of `TransferClassifier`.

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
        augmentation = dict.fromkeys(map(str, augmentation))
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
    default, largest = _AMOUNTS[name]
    if largest is None:
        if not isinstance(amount, str) or amount not in _FLIP_AXES:
            raise ValueError(unknown_name_message(f"augmentation[{name!r}]", amount, _FLIP_AXES))
    elif (
        isinstance(amount, bool | np.bool_)
        or not isinstance(amount, Real)
        or not 0 < float(amount) <= largest
    ):
        raise ValueError(
            f"augmentation[{name!r}] must be a number above 0 and at most {largest:g}, got "
            f"{amount!r}. Give None for the default, {default}, or remove the name to switch this "
            "augmentation off."
        )


@dataclass(frozen=True)
class Flips:
    """The flipped variants of an image: so few that features of each can be stored.

    Variant 0 is the unchanged image.

    Parameters
    ----------
    axes : tuple of int
        Axes of a batch of images along which it may be flipped.
    """

    axes: tuple[int, ...] = ()

    def __len__(self) -> int:
        return 2 ** len(self.axes)

    def variant(self, images, number):
        """Return lazy images that are flipped as this variant."""
        axes = tuple(axis for n, axis in enumerate(self.axes) if number >> n & 1)
        return replace(images, mirrored=axes)

    def apply(self, images, variants):
        """Flip each image of a batch as its variant, inside a graph."""
        from .._keras.tensorflow import tf

        for n, axis in enumerate(self.axes):
            chosen = tf.cast(tf.bitwise.right_shift(variants, n) & 1, tf.bool)
            images = tf.where(chosen[:, None, None, None], tf.reverse(images, [axis]), images)
        return images


def stack_indices(rows, variants, n_rows):
    """Return where variants of rows are in a stack of the variants of `n_rows` rows.

    Variants are flips or views. A stack holds variant 0 of every row, then variant 1 of every row,
    and so on.
    """
    return rows + variants * n_rows


def unstack_indices(indices, n_rows):
    """Return the rows and the variants of indices into a stack."""
    return indices % n_rows, indices // n_rows


def split_off_flips(augmentation: Augmentation) -> tuple[Flips, Augmentation]:
    """Return the flips among parsed (name, amount) pairs, and the other pairs."""
    flips = Flips(*(_FLIP_AXES[str(amount)] for name, amount in augmentation if name == "flip"))
    return flips, tuple(pair for pair in augmentation if pair[0] != "flip")
