"""Views of training images that are drawn once a fit, so that their features can be stored."""

from functools import lru_cache, partial
from threading import Lock

import numpy as np

from .._cache.hashing import digest, hash_rows
from .._cache.image_hashes import hash_images
from .._cache.store import Store
from .._data.augmented_images import AugmentedImages
from .._data.lazy_images import LazyImages
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import tf
from .._keras.tracing import trace
from .augmentation import Augmentation
from .augmentation_layers import build_augmentation_layers

MAX_AUGMENTERS = 4
# Far from each other, so that layers draw different numbers.
_STEP_OF_SEEDS = 0x9E3779B9


def draw_views(
    images: LazyImages, augmentation: Augmentation, n_views: int, seed: int, store: Store | None
) -> list[AugmentedImages]:
    """Return `n_views` views of images.

    A view depends on the pixels of its image, not on the other images. So folds of a search share
    the features of views, and equal images have equal views.

    Parameters
    ----------
    images : LazyImages
        Images.
    augmentation : tuple of (name, amount)
        The changes, flips included.
    n_views : int
        How many views each image has.
    seed : int
        The root of the fit's random streams.
    store : Store or None
        Where hashes of images are kept.
    """
    of_images = hash_rows(images) if store is None else hash_images(images, store)
    augment = partial(_augment, augmentation)
    views = []
    for number in range(n_views):
        of_view = np.frombuffer(bytes.fromhex(digest(augmentation, seed, number))[:16], "<u8")
        hashes = hash_rows(np.column_stack([of_images, np.tile(of_view, (len(of_images), 1))]))
        views.append(AugmentedImages(images, hashes, augment))
    return views


def _augment(augmentation, images, hashes):
    float_type = "float64" if images.dtype == np.float64 else "float32"
    augmenter = get_augmenter(augmentation, images.shape[1:], float_type)
    changed = augmenter.augment(images.astype(float_type, copy=False), hashes)
    if images.dtype == np.uint8:
        return np.rint(np.clip(changed, 0, 255)).astype(np.uint8)
    return changed


@lru_cache(maxsize=MAX_AUGMENTERS)
def get_augmenter(augmentation: Augmentation, shape: tuple[int, ...], float_type: str):
    """Return the process's augmenter of this kind; the least recently used is dropped."""
    return Augmenter(augmentation, shape, float_type)


class Augmenter:
    """Keras layers that change each image of a batch by separate random numbers.

    Parameters
    ----------
    augmentation : tuple of (name, amount)
        The changes.
    shape : tuple of (h, w, c)
        Shape of an image.
    float_type : str
        Type of the images.
    """

    def __init__(self, augmentation: Augmentation, shape: tuple[int, ...], float_type: str):
        with fresh_keras_state(float_type):
            self._layers = build_augmentation_layers(augmentation)
            self._generators = [v for layer in self._layers for v in layer.variables]
            self._run = trace(
                self._augment_each,
                tf.TensorSpec((None, *shape), float_type),
                tf.TensorSpec((None, len(self._generators), 2), tf.uint32),
            )
        # The states of generators are variables.
        self._lock = Lock()

    def augment(self, images: np.ndarray, hashes: np.ndarray) -> np.ndarray:
        """Return changed images of shape (n, h, w, c); `hashes` of shape (n, 2) seed them."""
        halves = hashes[:, :1].astype("<u8").view(np.uint32)  # of shape (n, 2)
        steps = np.arange(len(self._generators), dtype=np.uint32) * np.uint32(_STEP_OF_SEEDS)
        with self._lock:
            return self._run(images, halves[:, None, :] + steps[:, None]).numpy()

    def _augment_each(self, images, states):
        """Change images one after the other, so that none draws the numbers of another one."""

        def augment(image_and_states):
            image, states_of_image = image_and_states
            for number, generator in enumerate(self._generators):
                generator.assign(states_of_image[number])
            batch = image[None]
            for layer in self._layers:
                batch = layer(batch, training=True)
            return batch[0]

        spec = tf.TensorSpec(images.shape[1:], images.dtype)
        return tf.map_fn(augment, (images, states), fn_output_signature=spec, parallel_iterations=1)
