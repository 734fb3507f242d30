"""Where features of the frozen part are kept while a phase trains: memory, a file, nowhere."""

import os
import shutil
import tempfile
from contextlib import suppress
from enum import StrEnum

import numpy as np
import psutil

from .._data import chunks
from .._data.chunks import bytes_of_row
from .._keras.tensorflow import tf
from .._networks.frozen_part import FrozenPart

# Several processes may see the same free memory.
MOST_OF_FREE_MEMORY = 0.3
MOST_OF_FREE_DISK = 0.5
# In bytes: what TensorFlow wants of memory that it did not allocate itself.
_ALIGNMENT = 64


class Keeping(StrEnum):
    """What becomes of features, as `history_` says."""

    NOTHING = "nothing frozen"
    KEPT = "kept"
    MAPPED = "memory-mapped"
    RECOMPUTED = "recomputed"


def precompute_features(frozen: FrozenPart, sets, epochs) -> tuple[Keeping, list]:
    """Run the frozen part once over images, where what it gives has room.

    Parameters
    ----------
    frozen : FrozenPart
        What computes features.
    sets : list of list of LazyImages
        Sets of images, each with its mirror images.
    epochs : int
        How often each image is needed, as one of its mirror images.

    Returns
    -------
    keeping : Keeping
        Where features are kept.
    inputs : list of tf.Tensor, ndarray or RecomputedFeatures
        What to train on, for each set: features, those of mirror images one after the other.
    """
    pays = max(map(len, sets)) <= epochs
    sizes = [sum(map(len, variants)) for variants in sets]
    keeping, rooms = _find_rooms(frozen, sizes) if pays else (Keeping.RECOMPUTED, [])
    if not rooms:
        return keeping, [RecomputedFeatures(frozen, variants) for variants in sets]
    for room, variants in zip(rooms, sets, strict=True):
        end = 0
        for images in variants:
            begin, end = end, end + len(images)
            frozen.features(images, room[begin:end])
    return keeping, [_on_device(room) for room in rooms] if keeping == Keeping.KEPT else rooms


def use_images(frozen: FrozenPart, sets) -> tuple[Keeping, list]:
    """Return images, as a trainer takes them, which go through all of the network in each epoch.

    Parameters and results are those of `precompute_features`, but for what there is to train on.
    """
    keeping = Keeping.NOTHING if frozen.is_empty else Keeping.RECOMPUTED
    return keeping, [_entering(variants[0]) for variants in sets]


def _entering(images):
    """Return images as a trainer takes them: on the device, or to be read when they are needed."""
    fits = images.nbytes <= chunks.MOST_RESIDENT_BYTES
    return tf.convert_to_tensor(images[:]) if fits else images


class RecomputedFeatures:
    """Features that are computed whenever they are read: an array, as far as a trainer sees.

    Parameters
    ----------
    frozen : FrozenPart
        What computes them.
    variants : list of LazyImages
        Images, and their mirror images.
    """

    def __init__(self, frozen: FrozenPart, variants):
        self._frozen, self._variants = frozen, variants
        self.dtype = np.dtype(frozen.float_type)

    def __getitem__(self, places):
        """Return the features at an array of places."""
        features = np.empty((len(places), *self._frozen.row_shape), self.dtype)
        for some in self._frozen.chunks(len(places), bytes_of_row(self._variants[0])):
            self._frozen.features(self._images_at(places[some]), features[some])
        return features

    def _images_at(self, places):
        first = self._variants[0]
        images = np.empty((len(places), *first.shape[1:]), first.dtype)
        for number, variant in enumerate(self._variants):
            own = places // len(first) == number
            images[own] = variant[places[own] % len(first)]
        return images


def _find_rooms(frozen, sizes):
    """Return where to keep features of so many images, and empty arrays there, if anywhere."""
    n_bytes = sum(sizes) * frozen.row_bytes
    shapes = [(size, *frozen.row_shape) for size in sizes]
    if n_bytes <= MOST_OF_FREE_MEMORY * psutil.virtual_memory().available:
        return Keeping.KEPT, [_aligned_room(shape, frozen.float_type) for shape in shapes]
    if frozen.is_worth_a_file:
        with suppress(OSError):
            if n_bytes <= MOST_OF_FREE_DISK * shutil.disk_usage(tempfile.gettempdir()).free:
                return Keeping.MAPPED, [_room_in_file(shape, frozen.float_type) for shape in shapes]
    return Keeping.RECOMPUTED, []


def _aligned_room(shape, float_type):
    """Return an empty array that TensorFlow can take over as it is."""
    n_bytes = int(np.prod(shape)) * np.dtype(float_type).itemsize
    room = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    begin = -room.ctypes.data % _ALIGNMENT
    return room[begin : begin + n_bytes].view(float_type).reshape(shape)


def _on_device(room):
    """Return an array as a tensor: on the CPU without a copy, which would take twice its size."""
    if tf.config.list_logical_devices("GPU"):
        return tf.convert_to_tensor(room)
    return tf.experimental.dlpack.from_dlpack(room.__dlpack__())


def _room_in_file(shape, float_type):
    """Return an array in a file without a name, which goes when the array does."""
    with tempfile.TemporaryFile(prefix="skfashion-") as file:
        # In a file with holes, a full disk would end the process.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(
                file.fileno(), 0, int(np.prod(shape)) * np.dtype(float_type).itemsize
            )
        return np.memmap(file, dtype=float_type, shape=shape)
