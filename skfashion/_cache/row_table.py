"""Features of single rows in a store, found by the hash of their inputs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import accumulate, pairwise
from uuid import uuid4
from zlib import crc32

import numpy as np

from .._data import chunks
from .._data.chunks import chunk_rows, count_bytes
from .checked_arrays import read_arrays, write_arrays
from .leases import ROWS
from .store import Store, mark_as_used, remove_unit, walk_files

_FEATURES, _INDEX = ".features", ".index"
# Requests that miss fewer rows add none: to open a file takes about as long as to compute the
# features of this number of images.
MIN_ROWS = 16
# Bytes of a row in an index: its hash, and the checksum of each part.
_HASH_BYTES, _CHECKSUM_BYTES = 16, 4


class RowTable:
    """Features of rows of one shape and type.

    Each `add` writes pairs of files, which never change: the bytes of the features, and an index
    with the hash of each row and a checksum of its features. The index is written last, and
    features without one do not count. Features are checked row by row, because they are mapped
    into memory and only a part of them may be read. For the same reason vectors may have parts:
    each is read alone, and has its checksum.

    Parameters
    ----------
    store : Store
        The store that holds the files.
    key : str
        Hash of everything that determines the features besides the row.
    shape : tuple of int
        Shape of the features of a row.
    dtype : dtype-like
        Type of the features.
    widths : sequence of int, default=None
        Lengths of the parts of a vector, in order; `None` for features that are read as a whole.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        shape: tuple[int, ...],
        dtype,
        widths: Sequence[int] | None = None,
    ):
        self._store = store
        self._folder = store.folder / "rows" / key
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self._part_shapes = [self.shape] if widths is None else [(width,) for width in widths]
        # Start of each part in a vector.
        self._begins = [0, *accumulate(widths or ())]

    @property
    def row_bytes(self) -> int:
        """Bytes that the features of a row take."""
        return count_bytes(self.shape, self.dtype)

    def has(self, hashes: np.ndarray) -> np.ndarray:
        """Return for each row whether an index has it, as an array of bool of shape (n,)."""
        return self._look_up(hashes, 0)[1] >= 0

    def read(
        self,
        hashes: np.ndarray,
        block_bytes: int | None = None,
        batch_size: int = 1,
        part: int = 0,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the features of the rows that the table has, block by block.

        Damaged rows are left out, and their file is removed. The rows of a file that another
        process has removed, or that cannot be opened now, are left out. One file is open at a time.

        Parameters
        ----------
        hashes : ndarray of shape (n, 2)
            Hashes of the rows, from `hash_rows`.
        block_bytes : int, default=None
            The largest size of a block. `None` takes blocks that fit into a processor's cache.
        batch_size : int, default=1
            Every block but the last is a multiple of this number of rows, unless rows are damaged.
        part : int, default=0
            Which part of each row is read.

        Yields
        ------
        indices : ndarray of int of shape (m,)
            Which of the rows these are, in no particular order.
        features : ndarray of shape (m, *shape)
            Their features, of shape (m, width) for a part.
        """
        paths, file_of, position_of, checksums = self._look_up(hashes, part)
        for number in np.unique(file_of[file_of >= 0]):
            mark_as_used(paths[number])  # or files might be evicted before they are read
        open_file = lru_cache(maxsize=1)(lambda number: self._open(paths[number], part))
        found = np.flatnonzero(file_of >= 0)
        # File by file, each is read from front to back.
        found = found[np.argsort(file_of[found], kind="stable")]
        shape, block_bytes = self._part_shapes[part], block_bytes or chunks.BLOCK_BYTES
        part_bytes = count_bytes(shape, self.dtype)
        for block in chunk_rows(len(found), part_bytes, block_bytes, batch_size):
            indices = found[block]
            features = np.empty((len(indices), *shape), self.dtype)
            is_read = np.ones(len(indices), bool)
            new_file_at = np.flatnonzero(np.diff(file_of[indices])) + 1
            by_file = (np.split(array, new_file_at) for array in (indices, features, is_read))
            for rows, out, of_file in zip(*by_file, strict=True):
                file = open_file(file_of[rows[0]])
                if file is None:
                    of_file[:] = False
                else:
                    # NumPy buffers `out` unless it may clip. No position is outside: see `_open`.
                    np.take(file, position_of[rows], axis=0, out=out, mode="clip")
            is_intact = _compute_checksums(features) == checksums[indices]
            for number in np.unique(file_of[indices[is_read & ~is_intact]]):
                remove_unit(paths[number])
            is_found = is_read & is_intact
            if not is_found.all():
                indices, features = indices[is_found], features[is_found]
            if len(indices):
                yield indices, features

    def find(
        self,
        hashes: np.ndarray,
        rows: np.ndarray,
        take: Callable[[np.ndarray, np.ndarray], None],
        block_bytes: int | None = None,
        batch_size: int = 1,
    ) -> np.ndarray:
        """Pass the features of rows to a function, block by block; return the rows it lacks.

        Parameters
        ----------
        hashes : ndarray of shape (n, 2)
            Hashes of all rows.
        rows : ndarray of int of shape (n_requested,)
            Indices of the requested rows.
        take : callable
            ``take(indices, features)``: takes rows that the table has.
        block_bytes, batch_size
            As for `read`.
        """
        is_missing = np.ones(len(rows), bool)
        for found, features in self.read(hashes[rows], block_bytes, batch_size):
            take(rows[found], features)
            is_missing[found] = False
        return rows[is_missing]

    def add(self, hashes: np.ndarray, features: np.ndarray, indices: np.ndarray) -> None:
        """Keep the features of the rows at these indices, if they have room."""
        if not self.make_room(len(indices)):
            return
        with self._store.failures_tolerated():
            for block in chunk_rows(len(indices), self.row_bytes, chunks.FILE_BYTES):
                path, rows = self._folder / f"{uuid4().hex}{_FEATURES}", indices[block]
                parts = self._split(features[rows])
                checksums = np.stack([*map(_compute_checksums, parts)], axis=1)
                with self._store.open_to_write(path) as file:
                    file.writelines(parts)
                with self._store.open_to_write(path.with_suffix(_INDEX)) as file:
                    index = {"hashes": hashes[rows], "checksums": checksums}
                    write_arrays(file, index, self._context)

    def _split(self, features):
        """Return the parts of rows as contiguous arrays."""
        if len(self._part_shapes) == 1:
            return [np.asarray(features, order="C")]
        return [np.asarray(features[:, a:b], order="C") for a, b in pairwise(self._begins)]

    def make_room(self, n_rows: int) -> bool:
        """Make room for rows; return whether they have room."""
        with self._store.failures_tolerated():
            index_bytes = _HASH_BYTES + _CHECKSUM_BYTES * len(self._part_shapes)
            return self._store.make_room(n_rows * (self.row_bytes + index_bytes) + 512)
        return False

    def lease(self, parts: Iterable[int], wait: bool) -> AbstractContextManager[bool]:
        """Hold the lease of parts of the table during a block, as `hold_lease` does."""
        return self._store.lease(ROWS, self._folder.name, parts, wait)

    @property
    def _context(self):
        return f"index of {self._folder.name}: {self.dtype.str} {self._part_shapes}"

    def _look_up(self, hashes, part):
        """Look rows up.

        Return the files, and for each row its file (-1 for none), its position there, and the
        checksum of a part of its features.
        """
        indexes = dict(self._read_indexes())
        file_of = np.full(len(hashes), -1)
        position_of = np.zeros(len(hashes), np.intp)
        checksums = np.zeros(len(hashes), "<u4")
        if indexes:
            known = np.concatenate([index["hashes"] for index in indexes.values()])
            lengths = [len(index["hashes"]) for index in indexes.values()]
            file_of_known = np.repeat(np.arange(len(lengths)), lengths)
            position_of_known = np.concatenate([np.arange(length) for length in lengths])
            order = np.argsort(known[:, 0], kind="stable")
            at = np.searchsorted(known[order, 0], hashes[:, 0])
            nearest = order[np.minimum(at, len(order) - 1)]
            hits = (known[nearest] == hashes).all(axis=1)
            file_of[hits] = file_of_known[nearest[hits]]
            position_of[hits] = position_of_known[nearest[hits]]
            of_part = [index["checksums"][:, part] for index in indexes.values()]
            known_checksums = np.concatenate(of_part)
            checksums[hits] = known_checksums[nearest[hits]]
        return [*indexes], file_of, position_of, checksums

    def _read_indexes(self):
        """Yield the path of each file of features, and its index; remove damaged ones.

        An index that cannot be read now, as when too many files are open, is left out and stays.
        """
        for path in sorted(walk_files(self._folder)):
            if path.suffix == _INDEX:
                try:
                    yield path.with_suffix(_FEATURES), _read_index(path, self._context)
                except (FileNotFoundError, ValueError):
                    remove_unit(path)
                except OSError:
                    continue

    def _open(self, path, part):
        """Map a part of a file into memory; return `None` if that fails.

        A damaged file is removed. One that cannot be opened now stays.
        """
        try:
            n_rows = len(_read_index(path.with_suffix(_INDEX), self._context)["hashes"])
            if path.stat().st_size != n_rows * self.row_bytes:
                raise ValueError(f"{path} does not have the size of {n_rows} rows")
            offset = n_rows * self._begins[part] * self.dtype.itemsize
            shape = n_rows, *self._part_shapes[part]
            return np.memmap(path, self.dtype, "r", offset, shape)
        except (FileNotFoundError, ValueError):
            remove_unit(path)
        except OSError:
            pass
        return None


@lru_cache(maxsize=1024)
def _read_index(path, context):
    """Read an index. It never changes, so a process reads it once."""
    return read_arrays(path, context)


def _compute_checksums(features: np.ndarray) -> np.ndarray:
    """Return the CRC-32 of the bytes of each row."""
    return np.fromiter(map(crc32, features), "<u4", len(features))
