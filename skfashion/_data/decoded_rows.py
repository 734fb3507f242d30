"""Flat rows of uint8 pixels that are decoded from files or other images when they are read."""

import mmap
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import joblib
import numpy as np

from . import chunks
from .buffers import file_buffer, fits_on_disk
from .chunks import count_bytes
from .image_decoding import ImageDecoder
from .image_files import unreadable_files
from .image_list import is_file, is_pillow_image
from .read_ahead import get_stop_check


class DecodedRows:
    """An `ArraySource` of images of one shape, flattened; each is decoded at most once.

    Decoded pixels stay in memory if all of them fit into `MOST_DECODED_BYTES`, else in a temporary
    file. Without disk space they are decoded at each read.

    Parameters
    ----------
    images : sequence of str, path-like, PIL.Image.Image or ndarray
        The images, of any size.
    decoder : ImageDecoder
        How they become arrays.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, images: Sequence, decoder: ImageDecoder):
        self.images, self.decoder = images, decoder
        self.shape = len(images), int(np.prod(decoder.shape))
        self._is_decoded = np.zeros(len(images), bool)
        # Errors name images by their positions in `X`, and state how many it has.
        self._positions, self._n_given = np.arange(len(images)), len(images)
        # Size and time of the last change of each file that must not change; -1 for others.
        self._required = np.full((len(images), 2), -1, np.int64)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def is_slow(self) -> bool:
        """Whether reading may take long, so that it should run ahead of computation."""
        return not self._is_decoded.all()

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the rows at a slice or an array of indices.

        Raises
        ------
        ValueError
            If an image cannot be decoded. The error names it.
        """
        rows = np.arange(len(self))[indices]
        if self._buffer is None:
            return self._decode(rows)
        missing = np.unique(rows[~self._is_decoded[rows]])
        if len(missing):
            self._buffer[missing] = self._decode(missing)
            self._is_decoded[missing] = True
        found = self._buffer[indices]
        self._release_pages()
        return found

    def take(self, indices: np.ndarray) -> "DecodedRows":
        """Return a subset of the images, none of them decoded, with space for their pixels only."""
        subset = DecodedRows([self.images[index] for index in indices], self.decoder)
        subset._positions, subset._n_given = self._positions[indices], self._n_given
        return subset

    def find_undecoded(self, indices: np.ndarray | None) -> np.ndarray:
        """Return the positions, among these indices, of the rows that are not decoded yet.

        Parameters
        ----------
        indices : ndarray of int of shape (n,) or None
            Indices of rows; `None` for all.
        """
        return np.flatnonzero(~self._is_decoded[slice(None) if indices is None else indices])

    def require_unchanged(self, rows: np.ndarray) -> None:
        """Make it an error to decode the files of these rows if they change after this call."""
        for row in rows[self._required[rows, 0] < 0]:
            self._required[row] = _size_and_time(self.images[row])

    def check_unchanged(self, rows: np.ndarray) -> None:
        """Raise an error that names the files of these rows that have changed or vanished."""
        faults = {}
        for row in rows:
            try:
                self._check_unchanged(row)
            except (ValueError, OSError) as error:
                faults[self.images[row]] = error
        if faults:
            raise unreadable_files(faults, self._n_given) from next(iter(faults.values()))

    def _check_unchanged(self, row: int) -> None:
        required = tuple(self._required[row])
        if required != (-1, -1) and required != _size_and_time(self.images[row]):
            raise ValueError("it changed during this call: repeat the call")

    def _release_pages(self) -> None:
        """Give pages of a temporary file back: they stay in the file."""
        file = getattr(self._buffer, "base", None)
        if isinstance(file, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            file.madvise(mmap.MADV_DONTNEED)

    @cached_property
    def _buffer(self) -> np.ndarray | None:
        """An array for all decoded rows; `None` if it does not fit."""
        n_bytes = count_bytes(self.shape, self.dtype)
        if n_bytes <= chunks.MOST_DECODED_BYTES:
            return np.empty(self.shape, self.dtype)
        if not fits_on_disk(n_bytes):
            return None
        try:
            return file_buffer(self.shape, self.dtype)
        except OSError:  # from a disk that has filled up
            return None

    def _decode(self, rows: np.ndarray) -> np.ndarray:
        """Return rows, decoded in threads: Pillow releases Python's lock."""
        decoded = np.empty((len(rows), self.shape[1]), self.dtype)
        faults: dict[Any, Exception] = {}
        is_stopped = get_stop_check()
        # Two threads cannot load one image of Pillow, which `X` may have twice.
        in_memory = (self.images[row] for row in rows)
        locks = {id(image): Lock() for image in in_memory if is_pillow_image(image)}

        def decode(position: int) -> None:
            if is_stopped():
                return
            image = self.images[rows[position]]
            try:
                with locks.get(id(image), nullcontext()):
                    decoded[position] = self.decoder.decode(image).reshape(-1)
                self._check_unchanged(rows[position])
            # Decoders raise errors of many types for damaged files.
            except Exception as error:
                name = f"image {self._positions[rows[position]]}"
                faults[image if is_file(image) else name] = error

        with ThreadPoolExecutor(joblib.cpu_count()) as pool:
            list(pool.map(decode, range(len(rows))))
        if is_stopped():
            raise CancelledError
        if faults:
            raise unreadable_files(faults, self._n_given) from next(iter(faults.values()))
        return decoded


def _size_and_time(path) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns
