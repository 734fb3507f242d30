"""Views of images: copies that are changed at random, each in the same way whenever it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .lazy_images import LazyImages


@dataclass(frozen=True)
class AugmentedImages:
    """A view of each image, made when it is read.

    Parameters
    ----------
    images : LazyImages
        The images.
    hashes : ndarray of shape (n, 2)
        A hash of each view: of its image, and of all that determines how the image is changed.
    augment : callable
        ``augment(images, hashes)`` changes images from 0 to 255 at random, seeded by hashes.
    """

    images: LazyImages
    hashes: np.ndarray
    augment: Callable[[np.ndarray, np.ndarray], np.ndarray]

    # Changing takes longer than reading, so it should run ahead of computation.
    is_slow = True

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, height, width and channels."""
        return self.images.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the images."""
        return self.images.dtype

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the views at a slice or an array of indices."""
        return self.augment(self.images[indices], self.hashes[indices])
