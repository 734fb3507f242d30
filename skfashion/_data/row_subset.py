"""Rows of an array that may be larger than memory."""

import mmap
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .chunks import scan_chunks
from .decoded_rows import DecodedRows
from .image_decoding import ImageDecoder
from .image_list import is_file


@dataclass(frozen=True)
class RowSubset:
    """Selected rows of an array, copied only when they are read.

    Parameters
    ----------
    array : ndarray or DecodedRows of shape (n_rows, n_features)
        The array, which may be memory-mapped, or images that are decoded when they are read.
    indices : ndarray of int of shape (n,), default=None
        Indices of the selected rows; `None` selects all.
    """

    array: np.ndarray | DecodedRows
    indices: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.array if self.indices is None else self.indices)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of selected rows, and of values in a row."""
        return len(self), self.array.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.array.dtype

    @property
    def is_from_images(self) -> bool:
        """Whether rows are images that are decoded, with pixels from 0 to 255."""
        return isinstance(self.array, DecodedRows)

    @property
    def is_from_files(self) -> bool:
        """Whether rows are decoded from files."""
        return isinstance(self.array, DecodedRows) and is_file(self.array.images[0])

    @property
    def sources(self) -> list:
        """Source of each selected row."""
        images = self._decoded.images
        return list(images) if self.indices is None else [images[index] for index in self.indices]

    @property
    def decoder(self) -> ImageDecoder:
        """How images become rows."""
        return self._decoded.decoder

    @property
    def is_slow(self) -> bool:
        """Whether reading may take long, so that it should run ahead of computation."""
        return isinstance(self.array, DecodedRows) and self.array.is_slow

    @property
    def _decoded(self) -> DecodedRows:
        if not isinstance(self.array, DecodedRows):
            raise TypeError("The rows are an array, and not decoded.")
        return self.array

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Return the selected rows at a slice or an array of indices.

        Pages of a mapped file that earlier reads loaded are released.
        """
        if self._mapped_file is not None:
            self._mapped_file.madvise(mmap.MADV_DONTNEED)
        return self.array[indices if self.indices is None else self.indices[indices]]

    def take(self, indices: np.ndarray) -> "RowSubset":
        """Return a subset of the selected rows without reading them."""
        selected = np.arange(len(self.array)) if self.indices is None else self.indices
        return replace(self, indices=selected[indices])

    def without_other_images(self) -> "RowSubset":
        """Return the same rows; if they are decoded, without space for pixels of other images."""
        if self.indices is None or not self.is_from_images:
            return self
        return RowSubset(self._decoded.take(self.indices))

    @cached_property
    def _mapped_file(self) -> Any:
        """The mapped file that holds the array, if its pages can be released; else `None`.

        Without a release, pages that were read stay resident until memory is short. Only files
        that are mapped read-only are returned: releasing pages of other maps could lose changes.
        """
        base: Any = self.array
        modes = set()
        while isinstance(base, np.ndarray):
            modes.add(getattr(base, "mode", None))
            base = base.base
        is_read_only = isinstance(base, mmap.mmap) and modes - {None} == {"r"}
        return base if is_read_only and hasattr(mmap, "MADV_DONTNEED") else None

    def exceeds(self, value: float) -> bool:
        """Whether any value is larger; reads no more than it takes to find one."""
        return any(self[part].max() > value for part in scan_chunks(self))

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        parts = (self[part] for part in scan_chunks(self))
        least, most = zip(*((part.min(), part.max()) for part in parts), strict=True)
        return float(min(least)), float(max(most))
