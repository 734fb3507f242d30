"""Storage of a phase's inputs: features of the frozen part, or images."""

from enum import Enum

import numpy as np

from .._data import chunks
from .._data.augmented_images import AugmentedImages
from .._data.buffers import file_buffer, fits_on_disk, free_memory, memory_buffer
from .._data.chunks import bytes_of_row
from .._keras.tensorflow import tf
from .._networks.frozen_part import FrozenPart
from .augmentation import unstack_indices

# Several processes may see the same free memory.
MOST_OF_FREE_MEMORY = 0.3


class FeatureStorage(Enum):
    """Storage of the frozen part's features during a phase."""

    NOTHING_FROZEN = "nothing frozen"
    MEMORY = "kept"
    FILE = "memory-mapped"
    RECOMPUTED = "recomputed"
    RECOMPUTED_IN_GRAPH = "recomputed in the graph"

    @property
    def in_history(self) -> str:
        """The word that `history_` has for it."""
        recomputed = FeatureStorage.RECOMPUTED, FeatureStorage.RECOMPUTED_IN_GRAPH
        return "recomputed" if self in recomputed else self.value

    @property
    def feeds_features(self) -> bool:
        """Whether the trainer is fed features, not images."""
        return self not in (FeatureStorage.NOTHING_FROZEN, FeatureStorage.RECOMPUTED_IN_GRAPH)


def choose_storage(
    frozen: FrozenPart, sizes, n_variants, epochs, augments, has_views
) -> FeatureStorage:
    """Choose where the features of sets of images are while a phase trains.

    Parameters
    ----------
    frozen : FrozenPart
        Computes features.
    sizes : list of int
        How many rows of features each set has, those of all variants included.
    n_variants : int
        How many variants an image has: flipped ones, or views.
    epochs : int
        How often each image is needed, as one of its variants.
    augments : bool
        Whether images change in each epoch, in other ways than by their variants.
    has_views : bool
        Whether variants are views, which the trainer cannot make as it can flip images.
    """
    if frozen.is_empty:
        return FeatureStorage.NOTHING_FROZEN
    if augments or not (has_views or frozen.is_worth_keeping):
        return FeatureStorage.RECOMPUTED_IN_GRAPH
    n_bytes = sum(sizes) * frozen.row_bytes
    if n_variants <= epochs:
        if n_bytes <= MOST_OF_FREE_MEMORY * free_memory():
            return FeatureStorage.MEMORY
        if frozen.is_worth_a_file and fits_on_disk(n_bytes):
            return FeatureStorage.FILE
    return FeatureStorage.RECOMPUTED


def prepare_inputs(
    frozen: FrozenPart, sets: list[list], epochs: int, augments: bool, has_views: bool
) -> tuple[FeatureStorage, list]:
    """Return the inputs of a trainer; features that are stored are computed here, once.

    Parameters
    ----------
    frozen : FrozenPart
        Computes features.
    sets : list of list of LazyImages or AugmentedImages
        Sets of images; each is a list of the variants of its images.
    epochs, augments, has_views
        As for `choose_storage`.

    Returns
    -------
    storage : FeatureStorage
        Where features are.
    inputs : list of tf.Tensor, ndarray, RecomputedFeatures or LazyImages
        For each set, features of its stacked variants, or its images.
    """
    sizes = [sum(map(len, variants)) for variants in sets]
    storage = choose_storage(frozen, sizes, len(sets[0]), epochs, augments, has_views)
    if not storage.feeds_features:
        images = [variants[0] for variants in sets]
        # The functions of a trainer are traced for one type.
        common = np.result_type(*(each.dtype for each in images))
        return storage, [_to_device_if_small(each.astype(common)) for each in images]
    if storage is not FeatureStorage.RECOMPUTED:
        allocate = file_buffer if storage is FeatureStorage.FILE else memory_buffer
        try:
            buffers = [allocate((size, *frozen.row_shape), frozen.float_type) for size in sizes]
        except (OSError, MemoryError):  # from a disk that has filled up, or a limit of memory
            storage = FeatureStorage.RECOMPUTED
    if storage is FeatureStorage.RECOMPUTED:
        return storage, [RecomputedFeatures(frozen, variants) for variants in sets]
    for buffer, variants in zip(buffers, sets, strict=True):
        for images, part in zip(variants, np.split(buffer, len(variants)), strict=True):
            frozen.features(images, part)
    return storage, [
        _to_device(buffer) if storage is FeatureStorage.MEMORY else buffer for buffer in buffers
    ]


class RecomputedFeatures:
    """Features of stacked variants of images, computed whenever they are read.

    Parameters
    ----------
    frozen : FrozenPart
        Computes features.
    variants : list of LazyImages or AugmentedImages
        The variants of the images.
    """

    def __init__(self, frozen: FrozenPart, variants):
        self._frozen, self._variants = frozen, variants
        self.dtype = np.dtype(frozen.float_type)
        self.shape = (sum(map(len, variants)), *frozen.row_shape)
        self.batch_size = frozen.batch_size

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices) -> np.ndarray:
        """Return the features at an array of indices."""
        features = np.empty((len(indices), *self.shape[1:]), self.dtype)
        for chunk in self._frozen.chunks(len(indices), bytes_of_row(self._variants[0])):
            images, hashes = self._images_at(indices[chunk])
            self._frozen.features(images, features[chunk], hashes)
        return features

    def _images_at(self, indices):
        """Return the images at indices, and hashes of views, or `None` for others."""
        first = self._variants[0]
        images = np.empty((len(indices), *first.shape[1:]), first.dtype)
        # A store has the features of a view under its hash, not under that of its pixels.
        are_views = isinstance(first, AugmentedImages)
        hashes = np.empty((len(indices), 2), first.hashes.dtype) if are_views else None
        rows, variants = unstack_indices(indices, len(first))
        for number, variant in enumerate(self._variants):
            chosen = variants == number
            images[chosen] = variant[rows[chosen]]
            if hashes is not None:
                hashes[chosen] = variant.hashes[rows[chosen]]
        return images, hashes


def _to_device(buffer):
    """Return an array as a tensor: on the CPU without a copy, which would double its memory."""
    if tf.config.list_logical_devices("GPU"):
        return tf.convert_to_tensor(buffer)
    return tf.experimental.dlpack.from_dlpack(buffer.__dlpack__())


def _to_device_if_small(images):
    """Return images on the device, or images that are read when they are needed."""
    is_small = images.nbytes <= chunks.MOST_RESIDENT_BYTES
    return tf.convert_to_tensor(images[:]) if is_small else images
