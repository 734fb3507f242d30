"""A folder of arrays under content keys, which several processes may read and write at once.

Only arrays go in and come out: files are NumPy's, read without pickle. Each is written under
another name and then renamed, so that a process that is killed leaves a whole file or none. What
cannot be read counts as missing. Nothing is locked: two processes that miss the same entry both
compute it.
"""

import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np

from .._data import chunks
from .._data.array_source import ArraySource
from .._data.chunks import bytes_of_row, chunk_rows, scan_chunks

FOLDER = "skfashion"
_FORMAT = "1"
_UNFINISHED = ".unfinished"
_INDEX = ".index.npy"
_LOG = "log.jsonl"
_MOST_LOG_BYTES = 2**20
_UNFINISHED_FOR_GOOD = 3600.0
# To open a file takes about as long as to compute the features of so many images.
_FEWEST_ROWS = 16
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    LookupError,
    BadZipFile,
    NotImplementedError,
    RuntimeError,
)


def digest(*parts) -> str:
    """Return a hash of arrays, and of anything else by its `repr`."""
    state = hashlib.blake2b(digest_size=20)
    for part in parts:
        if isinstance(part, np.ndarray):
            state.update(f"array {part.dtype.str} {part.shape} ".encode())
            state.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        else:
            text = repr(part).encode()
            state.update(b"%d " % len(text) + text)
    return state.hexdigest()


def hash_array(array: ArraySource) -> str:
    """Return a hash of an array, which is read in parts."""
    state = hashlib.blake2b(f"{array.dtype.str} {array.shape}".encode(), digest_size=20)
    for part in scan_chunks(array):
        state.update(np.ascontiguousarray(array[part]).reshape(-1).view(np.uint8).data)
    return state.hexdigest()


def hash_rows(array) -> np.ndarray:
    """Return a 128-bit hash of each row of an array and its type, of shape (n, 2)."""
    of_type = hashlib.blake2b(array.dtype.str.encode(), digest_size=16)

    def hash_row(row):
        state = of_type.copy()
        state.update(row.tobytes())
        return state.digest()

    hashes = b"".join(map(hash_row, array))
    return np.frombuffer(hashes, "<u8").reshape(len(array), 2)


class Store:
    """Entries of arrays, and tables of features by row.

    Parameters
    ----------
    location : path-like
        The folder; what is kept goes into a folder of its own below it.
    limit : int or None
        Bytes that it may take; `None` for half of what is free and what it takes itself.
    """

    def __init__(self, location, limit=None):
        # A str, so that estimators can be unpickled on other systems.
        self._folder = str(Path(location).resolve() / FOLDER / _FORMAT)
        self.limit = limit

    @property
    def folder(self) -> Path:
        """Where it keeps its files."""
        return Path(self._folder)

    # -- Entries ---------------------------------------------------------------------------

    def load(self, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of an entry, or `None` if it is not there."""
        path = self.folder / "entries" / f"{key}.npz"
        try:
            # NumPy leaves a file open that turns out to be no archive.
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except _UNREADABLE:
            return None
        _touch(path)
        return arrays

    def save(self, key: str, arrays: dict[str, np.ndarray]) -> None:
        """Keep an entry, if there is room."""
        # An archive takes somewhat more than its arrays.
        n_bytes = sum(array.nbytes + 512 for array in arrays.values())
        with suppress(OSError):
            if self.make_room(n_bytes):
                with _written(self.folder / "entries" / f"{key}.npz") as file:
                    np.savez(file, allow_pickle=False, **arrays)

    def table(self, key: str, shape, dtype) -> "RowTable":
        """Return the table of features with this key, and what a row of them looks like."""
        return RowTable(self, self.folder / "rows" / key, tuple(shape), np.dtype(dtype))

    # -- Room ------------------------------------------------------------------------------

    def make_room(self, n_bytes) -> bool:
        """Drop what was not used for longest until so much fits; return whether it does."""
        files = self._files()
        taken = sum(size for _, size, _ in files)
        limit = self.limit
        if limit is None:
            free = self._free()
            if free is None:
                return False
            limit = (free + taken) // 2
        if n_bytes > limit:
            return False
        for _, size, path in sorted(files):
            if taken + n_bytes <= limit:
                break
            _remove(path)
            taken -= size
        return True

    def _free(self):
        """Return the bytes that are free on the disk, `None` if there is no telling."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            return shutil.disk_usage(self.folder).free
        return None

    def _files(self):
        """Return (time of last use, bytes, path) of each file; an index counts with its features.

        What others began to write long ago and never ended is removed.
        """
        files = []
        for path in _walk(self.folder):
            with suppress(OSError):
                status = path.stat()
                if path.suffix == _UNFINISHED:
                    if time.time() - status.st_mtime > _UNFINISHED_FOR_GOOD:
                        path.unlink()
                elif path.parent != self.folder and not path.name.endswith(_INDEX):
                    size = status.st_size
                    with suppress(OSError):
                        size += _index_of(path).stat().st_size
                    files.append((status.st_mtime, size, path))
        return files

    @property
    def n_bytes(self) -> int:
        """Bytes that it takes, but for the log."""
        return sum(size for _, size, _ in self._files())

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- Log -------------------------------------------------------------------------------

    def log_usage(self, **numbers) -> None:
        """Write what was found and computed to the store's own log."""
        line = json.dumps({"time": time.time(), **numbers}) + "\n"
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / _LOG
            if path.exists() and path.stat().st_size > _MOST_LOG_BYTES:
                path.replace(path.with_suffix(".old"))
            with path.open("a") as file:
                file.write(line)

    def usage_totals(self) -> Counter:
        """Return the sums of what was noted by all processes, as far back as the log goes."""
        totals: Counter = Counter()
        log = self.folder / _LOG
        for path in log.with_suffix(".old"), log:
            with suppress(OSError):
                for line in path.read_text(errors="replace").splitlines():
                    with suppress(ValueError, TypeError, AttributeError):
                        totals.update(json.loads(line))
        totals.pop("time", None)
        return totals


class RowTable:
    """Features of rows, found by the hash of what each was computed from.

    A part of the table is two files, the features and an index of hashes, and never changes. The
    index is written last: features without one do not count.

    Parameters
    ----------
    store : Store
        Where it belongs.
    folder : Path
        Where its files are.
    shape, dtype
        Of the features of a row.
    """

    def __init__(self, store: Store, folder: Path, shape: tuple[int, ...], dtype: np.dtype):
        self._store, self._folder = store, folder
        self.shape, self.dtype = shape, dtype

    @property
    def row_bytes(self) -> int:
        """Bytes that the features of a row take."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def find(self, hashes) -> "Matches":
        """Look rows up."""
        files, indices = [], []
        for path in sorted(_walk(self._folder)):
            if path.name.endswith(_INDEX):
                with suppress(*_UNREADABLE):
                    indices.append(_read_index(path))
                    files.append(path.with_name(path.name.removesuffix(_INDEX) + ".npy"))
        parts = np.full(len(hashes), -1)
        places = np.zeros(len(hashes), np.intp)
        if files:
            known = np.concatenate(indices)
            part_of = np.repeat(np.arange(len(files)), [len(index) for index in indices])
            place_of = np.concatenate([np.arange(len(index)) for index in indices])
            order = np.argsort(known[:, 0], kind="stable")
            at = np.searchsorted(known[order, 0], hashes[:, 0])
            nearest = order[np.minimum(at, len(order) - 1)]
            hits = (known[nearest] == hashes).all(axis=1)
            parts[hits], places[hits] = part_of[nearest[hits]], place_of[nearest[hits]]
        return Matches(files, parts, places, self.shape, self.dtype)

    def add(self, hashes, features, rows) -> None:
        """Keep the features of some of these rows, if there is room and they are worth a file."""
        if len(rows) < _FEWEST_ROWS:
            return
        row_bytes = features[:1].nbytes
        with suppress(OSError):
            if not self._store.make_room(len(rows) * (row_bytes + hashes[:1].nbytes) + 512):
                return
            for part in chunk_rows(len(rows), row_bytes, chunks.FILE_BYTES):
                name, some = uuid4().hex, rows[part]
                for ending, array in ((".npy", features), (_INDEX, hashes)):
                    with _written(self._folder / f"{name}{ending}") as file:
                        np.save(file, array[some], allow_pickle=False)


class Matches:
    """Which rows a table has, and their features.

    Parameters
    ----------
    files : list of Path
        Files of features.
    parts, places : ndarray of shape (n,)
        Which file each row is in, -1 for none, and where.
    shape, dtype
        Of the features of a row.
    """

    def __init__(self, files, parts, places, shape, dtype):
        self._files, self._parts, self._places = files, parts, places
        self._shape, self._dtype = shape, dtype

    @property
    def rows(self) -> np.ndarray:
        """The numbers of the rows that it has."""
        return np.flatnonzero(self._parts >= 0)

    def read(self, rows, out, places) -> np.ndarray:
        """Copy the features of some of its rows to these places; return which it did.

        Another process may have removed a file meanwhile. One that is damaged goes.
        """
        parts, done = self._parts[rows], np.zeros(len(rows), bool)
        for part in np.unique(parts):
            own = np.flatnonzero(parts == part)
            try:
                features = np.load(self._files[part], mmap_mode="r", allow_pickle=False)
                if features.shape[1:] != self._shape or features.dtype != self._dtype:
                    raise ValueError("features of another kind")
                for some in chunk_rows(len(own), bytes_of_row(features), chunks.BLOCK_BYTES):
                    out[places[own[some]]] = features[self._places[rows[own[some]]]]
            except _UNREADABLE:
                _remove(self._files[part])
            else:
                _touch(self._files[part])
                done[own] = True
        return done


def _walk(folder) -> Iterator[Path]:
    """Yield the files below a folder; what vanishes meanwhile is left out."""
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _index_of(path: Path) -> Path:
    return path.with_name(path.stem + _INDEX)


@lru_cache(maxsize=1024)
def _read_index(path):
    """Read an index, which never changes."""
    index = np.load(path, allow_pickle=False)
    if index.dtype != np.dtype("<u8") or index.ndim != 2 or index.shape[1] != 2:
        raise ValueError(f"{path} is no index of rows")
    return index


def _touch(path):
    with suppress(OSError):
        os.utime(path)


def _remove(path):
    """Remove a file, and its index if it has one."""
    with suppress(OSError):
        _index_of(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


@contextmanager
def _written(path: Path):
    """Open a file that takes its name when all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{uuid4().hex}{_UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
