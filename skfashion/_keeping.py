"""Where features of the frozen part are kept while a phase trains: memory, a file, nowhere."""

import os
import shutil
import tempfile
from contextlib import suppress
from enum import StrEnum

import numpy as np
import psutil

from ._frozen import FrozenPart
from ._tensorflow import tf

# While they go to the device they take twice their size, and two processes may see the same free
# memory.
MOST_OF_FREE_MEMORY = 0.2
MOST_OF_FREE_DISK = 0.5


class Keeping(StrEnum):
    """What becomes of features, as `history_` says."""

    NOTHING = "nothing frozen"
    KEPT = "kept"
    MAPPED = "memory-mapped"
    RECOMPUTED = "recomputed"


def keep_features(frozen: FrozenPart, sets, augmentation, epochs) -> tuple[Keeping, list]:
    """Run the frozen part once over images, where what it gives is constant and has room.

    Parameters
    ----------
    frozen : FrozenPart
        What computes features.
    sets : list of list of ndarray of shape (n, h, w, c)
        Sets of images, each with its mirror images.
    augmentation : tuple of (name, amount)
        Random changes besides flips: the images of each epoch are then new.
    epochs : int
        How often each image is needed, as one of its mirror images.

    Returns
    -------
    keeping : Keeping
        Where features are kept.
    inputs : list of tf.Tensor, ndarray or OnDemand
        What to train on, for each set: features, those of mirror images one after the other; or the
        images as they are, where nothing is frozen or images change.
    """
    n_images = sum(len(images) for variants in sets for images in variants)
    pays = not augmentation and max(map(len, sets)) <= epochs
    keeping, room = _find_room(frozen, n_images, pays)
    if keeping == Keeping.NOTHING or augmentation:
        return keeping, [tf.convert_to_tensor(variants[0]) for variants in sets]
    if room is None:
        return keeping, [OnDemand(frozen, variants) for variants in sets]
    inputs, end = [], 0
    for variants in sets:
        first = end
        for images in variants:
            begin, end = end, end + len(images)
            frozen.features(images, room[begin:end])
        own = room[first:end]
        inputs.append(own if keeping == Keeping.MAPPED else tf.convert_to_tensor(own))
    return keeping, inputs


class OnDemand:
    """Features that are computed whenever they are read: an array, as far as a trainer sees.

    Parameters
    ----------
    frozen : FrozenPart
        What computes them.
    variants : list of ndarray of shape (n, h, w, c)
        Images, and their mirror images.
    """

    def __init__(self, frozen: FrozenPart, variants):
        self._frozen, self._variants = frozen, variants
        self.dtype = np.dtype(frozen.float_type)

    def __getitem__(self, places):
        """Return the features at an array of places."""
        n_images = len(self._variants[0])
        images = np.empty((len(places), *self._variants[0].shape[1:]), self._variants[0].dtype)
        for number, variant in enumerate(self._variants):
            own = places // n_images == number
            images[own] = variant[places[own] % n_images]
        return self._frozen.features(images)


def _find_room(frozen, n_images, pays):
    """Return where to keep features of so many images, and an empty array there, or `None`."""
    if frozen.is_empty:
        return Keeping.NOTHING, None
    if not pays:
        return Keeping.RECOMPUTED, None
    shape, n_bytes = (n_images, *frozen.row_shape), n_images * frozen.row_bytes
    if n_bytes <= MOST_OF_FREE_MEMORY * psutil.virtual_memory().available:
        return Keeping.KEPT, np.empty(shape, frozen.float_type)
    if frozen.is_worth_reading:
        with suppress(OSError):
            return Keeping.MAPPED, _room_in_file(shape, frozen.float_type, n_bytes)
    return Keeping.RECOMPUTED, None


def _room_in_file(shape, float_type, n_bytes):
    """Return an array in a file without a name, which goes when the array does."""
    if n_bytes > MOST_OF_FREE_DISK * shutil.disk_usage(tempfile.gettempdir()).free:
        raise OSError("not enough room on the disk")
    with tempfile.TemporaryFile(prefix="skfashion-") as file:
        # In a file with holes, a full disk would end the process.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        return np.memmap(file, dtype=float_type, shape=shape)
