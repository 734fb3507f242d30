"""Features of single rows in a store, found by the hash of what each was computed from."""

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import numpy as np

from .._data import chunks
from .._data.chunks import chunk_rows
from .store import READ_ERRORS, Store, mark_as_used, open_to_write, remove_unit, walk_files

_FEATURES, _INDEX = ".npy", ".index.npy"
# To open a file takes about as long as to compute the features of this number of images.
_MIN_ROWS = 16


class RowTable:
    """Features of rows of one shape and type.

    Each `add` writes pairs of files, which never change: features, and an index of hashes. The
    index is written last, and features without one do not count.

    Parameters
    ----------
    store : Store
        The store that holds the files.
    key : str
        Hash of what determines the features besides the row.
    shape : tuple of int
        Shape of the features of a row.
    dtype : dtype-like
        Type of the features.
    """

    def __init__(self, store: Store, key: str, shape: tuple[int, ...], dtype):
        self._store = store
        self._folder = store.folder / "rows" / key
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)

    @property
    def row_bytes(self) -> int:
        """Bytes that the features of a row take."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def read(
        self, hashes: np.ndarray, block_bytes: int | None = None, batch_size: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the features of the rows that the table has, block by block.

        A damaged file is removed, and its rows are left out. So are the rows of a file that
        another process has removed meanwhile.

        Parameters
        ----------
        hashes : ndarray of shape (n, 2)
            Hashes of the rows, from `hash_rows`.
        block_bytes : int, default=None
            The largest size of a block. `None` takes blocks that fit into a processor's cache.
        batch_size : int, default=1
            Every block but the last is a multiple of this number of rows.

        Yields
        ------
        indices : ndarray of int of shape (m,)
            Which of the rows these are, in no particular order.
        features : ndarray of shape (m, *shape)
            Their features.
        """
        paths, file_of, position_of = self._find(hashes)
        files = [None] * len(paths)
        for number in np.unique(file_of[file_of >= 0]):
            files[number] = self._open(paths[number])
            if files[number] is None:
                file_of[file_of == number] = -1
        found = np.flatnonzero(file_of >= 0)
        # File by file, each is read from front to back.
        found = found[np.argsort(file_of[found], kind="stable")]
        block_bytes = block_bytes or chunks.BLOCK_BYTES
        for block in chunk_rows(len(found), self.row_bytes, block_bytes, batch_size):
            indices = found[block]
            features = np.empty((len(indices), *self.shape), self.dtype)
            new_file_at = np.flatnonzero(np.diff(file_of[indices])) + 1
            rows_by_file = np.split(indices, new_file_at)
            for rows, out in zip(rows_by_file, np.split(features, new_file_at), strict=True):
                # NumPy buffers `out` unless it may clip. No position is outside: see `_open`.
                file = files[file_of[rows[0]]]
                np.take(file, position_of[rows], axis=0, out=out, mode="clip")
            yield indices, features

    def add(self, hashes: np.ndarray, features: np.ndarray, indices: np.ndarray) -> None:
        """Keep the features of the rows at these indices, if they have room and are enough."""
        if len(indices) < _MIN_ROWS:
            return
        row_bytes = features[:1].nbytes
        with suppress(OSError):
            if not self._store.make_room(len(indices) * (row_bytes + hashes[:1].nbytes) + 512):
                return
            for block in chunk_rows(len(indices), row_bytes, chunks.FILE_BYTES):
                name, rows = uuid4().hex, indices[block]
                for ending, array in ((_FEATURES, features), (_INDEX, hashes)):
                    with open_to_write(self._folder / f"{name}{ending}") as file:
                        np.save(file, array[rows], allow_pickle=False)

    def _find(self, hashes):
        """Look rows up; return files, the file of each row (-1 for none), its position there."""
        indexes = dict(self._read_indexes())
        file_of = np.full(len(hashes), -1)
        position_of = np.zeros(len(hashes), np.intp)
        if indexes:
            known = np.concatenate([*indexes.values()])
            lengths = [len(index) for index in indexes.values()]
            file_of_known = np.repeat(np.arange(len(lengths)), lengths)
            position_of_known = np.concatenate([np.arange(length) for length in lengths])
            order = np.argsort(known[:, 0], kind="stable")
            at = np.searchsorted(known[order, 0], hashes[:, 0])
            nearest = order[np.minimum(at, len(order) - 1)]
            hits = (known[nearest] == hashes).all(axis=1)
            file_of[hits] = file_of_known[nearest[hits]]
            position_of[hits] = position_of_known[nearest[hits]]
        return [*indexes], file_of, position_of

    def _read_indexes(self):
        """Yield the path of each file of features, and its index."""
        for path in sorted(walk_files(self._folder)):
            if path.name.endswith(_INDEX):
                with suppress(*READ_ERRORS):
                    yield _features_of(path), _read_index(path)

    def _open(self, path):
        """Map a file of features into memory; remove it and return `None` if it is damaged."""
        try:
            features = np.load(path, mmap_mode="r", allow_pickle=False)
            n_rows = len(_read_index(_index_of(path)))
            if features.shape != (n_rows, *self.shape) or features.dtype != self.dtype:
                raise ValueError(f"{path} has features of another kind")
        except READ_ERRORS:
            remove_unit(path)
            return None
        mark_as_used(path)
        return features


def _features_of(index: Path) -> Path:
    return index.with_name(index.name.removesuffix(_INDEX) + _FEATURES)


def _index_of(features: Path) -> Path:
    return features.with_name(features.name.removesuffix(_FEATURES) + _INDEX)


@lru_cache(maxsize=1024)
def _read_index(path):
    """Read an index. It never changes, so a process reads it once."""
    index = np.load(path, allow_pickle=False)
    if index.dtype != np.dtype("<u8") or index.ndim != 2 or index.shape[1] != 2:
        raise ValueError(f"{path} is no index of rows")
    return index
