"""Hashes of images, found by the bytes of their files if these are in a store."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from .._data.array_source import ArraySource
from .._data.augmented_images import AugmentedImages
from .._data.lazy_images import LazyImages
from .fingerprint import environment_fingerprint
from .hashing import digest, hash_rows
from .row_table import MIN_ROWS, RowTable
from .store import Store

# Pillow's names of the libraries that decode the formats of images.
_CODECS = ("jpg", "libjpeg_turbo", "jpg_2000", "zlib", "libtiff", "webp", "avif")


def hash_images(images: ArraySource, store: Store) -> np.ndarray:
    """Return the hash of each image, of shape (n, 2): that of `hash_rows`.

    An image is identified by its pixels, independent of its file. A file with stored bytes is not
    decoded. If it changes after this, it is an error to decode it or to hash it again. Views of
    images have separate hashes.

    Parameters
    ----------
    images : ArraySource of shape (n, h, w, c)
        Images.
    store : Store
        Where hashes of images are kept by the bytes of their files.
    """
    if isinstance(images, AugmentedImages):
        return images.hashes
    if not isinstance(images, LazyImages) or not images.rows.is_from_files or images.mirrored:
        return hash_rows(images)
    decoded: Any = images.rows.array
    # The files of rows that are decoded may have changed since.
    undecoded = decoded.find_undecoded(images.rows.indices)
    files = images.take(undecoded).rows
    decoded.require_unchanged(files.indices)
    of_files = _hash_files(files.sources)
    # These bytes must be those of earlier hashes in this call, also if the store has them.
    decoded.check_unchanged(files.indices)
    table = RowTable(store, _key_of_pixels(images), (2,), "<u8")
    hashes = np.empty((len(images), 2), of_files.dtype)
    is_known = np.zeros(len(images), bool)

    def take(found, of_pixels):
        hashes[undecoded[found]] = of_pixels
        is_known[undecoded[found]] = True

    new = table.find(of_files, np.arange(len(of_files)), take)
    unknown = np.flatnonzero(~is_known)
    hashes[unknown] = hash_rows(images.take(unknown))
    if len(new) >= MIN_ROWS:
        table.add(of_files, hashes[undecoded], new)
    return hashes


def _key_of_pixels(images: LazyImages) -> str:
    """Return a hash of everything besides a file's bytes that determines the pixels of an image."""
    from PIL import ImageFile, __version__, features

    versions = __version__, *map(features.version, _CODECS), environment_fingerprint()
    how = images.rows.decoder, images.image_format, images.dtype
    # Pillow pads truncated files, or refuses them.
    return digest("pixels of files", *versions, ImageFile.LOAD_TRUNCATED_IMAGES, *how)


def _hash_files(paths) -> np.ndarray:
    def hash_file(path):
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()

    hashes = b"".join(map(hash_file, paths))
    return np.frombuffer(hashes, "<u8").reshape(len(paths), 2)
