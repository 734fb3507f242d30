"""A folder of arrays under content keys, which several processes may read and write at once.

A store holds only arrays, never objects. Each file is written under a temporary name and then
renamed, so a process that is killed leaves a whole file or none. All content has a checksum.
Content that cannot be read, or does not match its checksum, counts as missing and is replaced.
Readers and writers need no lock. With a lease one process computes a result that several miss
(`hold_lease`).

Files of one folder whose names agree up to the first dot form a unit: they are counted together
and removed together. An entry is a unit of one file; a part of a `RowTable` is a unit of two.
"""

import json
import os
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from errno import EACCES, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY, EPERM, EROFS
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from zlib import crc32

import numpy as np

from .._atomic_files import UNFINISHED, open_to_write
from .._home_folder import expand_home
from .._messages import warn_user
from .checked_arrays import read_arrays, write_arrays
from .leases import hold_lease

FOLDER = "skfashion"
# A folder of another format is not read.
_FORMAT = 2
# Keys of entries that a fit with `checkpoint` wrote begin with this.
CHECKPOINT = "checkpoint-"
_ENTRY = ".entry"
_LOG = "log.jsonl"
_LOCKS = "locks"
_MAX_LOG_BYTES = 2**20
# An unfinished file of this age, in seconds, belongs to a process that was killed.
_ABANDONED_AFTER = 3600.0
# The size of a file beyond that of its arrays, for each array.
_BYTES_OF_HEADER = 512


class Store:
    """Entries of arrays in a folder of bounded size; the least recently used are removed first.

    Parameters
    ----------
    location : path-like
        The user's folder, in which ``~`` is the home folder. Files are in a sub-folder of it.
    limit : int or None
        Bytes that the files may take, without checkpoints, which a limit never evicts. `None`
        allows all files half of the sum of the disk's free bytes and the bytes that they take.
    """

    def __init__(self, location, limit: int | None = None):
        # A str, so that estimators can be unpickled on other systems.
        self._folder = str(expand_home(location).resolve() / FOLDER / str(_FORMAT))
        self.limit = limit

    @property
    def location(self) -> str:
        """The user's folder."""
        return str(self._location)

    @property
    def _location(self):
        return self.folder.parents[1]

    @property
    def folder(self) -> Path:
        """The folder that holds the files."""
        return Path(self._folder)

    # -- Entries ---------------------------------------------------------------------------

    def load(self, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of an entry, or `None` if it is missing or damaged."""
        path = self._path_of(key)
        try:
            arrays = read_arrays(path, key)
        except (OSError, ValueError):
            return None
        mark_as_used(path)
        return arrays

    def save(self, key: str, arrays: dict[str, np.ndarray]) -> bool:
        """Keep an entry, if there is room; return whether there is.

        An older entry of this key is replaced. It is not removed to make room.
        """
        n_bytes = sum(array.nbytes + _BYTES_OF_HEADER for array in arrays.values())
        path = self._path_of(key)
        # A fit with `checkpoint` has a warning of its own.
        with suppress(OSError) if key.startswith(CHECKPOINT) else self.failures_tolerated():
            if self.make_room(n_bytes, keep=path):
                with self.open_to_write(path) as file:
                    write_arrays(file, arrays, key)
                return True
        return False

    def has(self, key: str) -> bool:
        """Return whether there is an entry, perhaps a damaged one."""
        with suppress(OSError):
            return self._path_of(key).is_file()
        return False

    def remove(self, key: str) -> None:
        """Remove an entry, if there is one."""
        remove_unit(self._path_of(key))

    def lease(
        self, kind: str, key: str, parts: Iterable[int] = (0,), wait: bool = True
    ) -> AbstractContextManager[bool]:
        """Hold a lease during a block: see `hold_lease`, which has the same parameters."""
        with suppress(OSError):
            self._make_folder()
            return hold_lease(self.folder / _LOCKS, kind, key, parts, wait)
        return nullcontext(True)  # the result cannot be stored either

    # -- Writing ---------------------------------------------------------------------------

    def make_location(self) -> None:
        """Make the user's folder, which only fits do. Others write only as long as it is there."""
        self._location.mkdir(parents=True, exist_ok=True)

    def _require_location(self) -> None:
        if not self._location.is_dir():
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), self.location)

    def _make_folder(self) -> None:
        self._require_location()
        self.folder.mkdir(parents=True, exist_ok=True)

    def open_to_write(self, path: Path) -> AbstractContextManager:
        """Open a file of the store to write: see `open_to_write` of files."""
        self._require_location()
        return open_to_write(path)

    @contextmanager
    def failures_tolerated(self) -> Iterator[None]:
        """End a block that writes at an error; warn if files may not be written at all."""
        try:
            yield
        except OSError as error:
            if error.errno in (EACCES, EPERM, EROFS):
                _warn_that_nothing_is_written(self.location, os.strerror(error.errno))

    def check_writable(self, n_bytes: int) -> None:
        """Raise an `OSError` unless a file of this size can be written; keep all checkpoints."""
        self.make_location()
        self._make_folder()
        if not self.make_room(n_bytes, keeps_checkpoints=True):
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        with TemporaryFile(dir=self.folder) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, max(n_bytes, 1))

    def _path_of(self, key):
        return self.folder / "entries" / f"{key}{_ENTRY}"

    # -- Room ------------------------------------------------------------------------------

    def make_room(
        self, n_bytes: int, keep: Path | None = None, *, keeps_checkpoints: bool = False
    ) -> bool:
        """Remove the least recently used units until `n_bytes` fit; return whether they do.

        Parameters
        ----------
        n_bytes : int
            Bytes of a file that is to be written.
        keep : Path, default=None
            A file whose unit stays, because the new one replaces it.
        keeps_checkpoints : bool, default=False
            Whether checkpoints stay. They count as room, because `save` may remove them.
        """
        units, limit = self._units(), self.limit
        if limit is not None:
            units = [unit for unit in units if not unit[2].name.startswith(CHECKPOINT)]
        taken = sum(size for _, size, _ in units)
        if limit is None:
            free = self._free_bytes()
            if free is None:
                return False
            limit = (free + taken) // 2
        if n_bytes > limit:
            return False
        for _, size, path in sorted(units):
            if taken + n_bytes <= limit:
                break
            stays = keeps_checkpoints and path.name.startswith(CHECKPOINT)
            if not stays and (keep is None or path != _unit_of(keep)):
                remove_unit(path)
            taken -= size
        return True

    def _free_bytes(self):
        """Return the free bytes of the disk, or `None` if unknown."""
        self._make_folder()
        with suppress(OSError):
            return shutil.disk_usage(self.folder).free
        return None

    def _units(self) -> list[tuple[float, int, Path]]:
        """Return (time of last use, bytes, a file) of each unit; remove abandoned files.

        Lock files are not units, so none is evicted while it is locked.
        """
        sizes: dict[Path, int] = defaultdict(int)
        last_uses: dict[Path, float] = defaultdict(float)
        for path in walk_files(self.folder):
            with suppress(OSError):
                status = path.stat()
                if path.suffix == UNFINISHED:
                    if time.time() - status.st_mtime > _ABANDONED_AFTER:
                        path.unlink()
                elif path.parent not in (self.folder, self.folder / _LOCKS):
                    unit = _unit_of(path)
                    sizes[unit] += status.st_size
                    last_uses[unit] = max(last_uses[unit], status.st_mtime)
        return [(last_uses[unit], size, unit) for unit, size in sizes.items()]

    @property
    def n_bytes(self) -> int:
        """Bytes that the files take, without the log."""
        return sum(size for _, size, _ in self._units())

    def clear(self) -> None:
        """Remove the folders of this and of earlier formats, and nothing else.

        Files that other processes add meanwhile may stay.
        """
        parent = self.folder.parent
        for number in range(1, _FORMAT + 1):
            _remove_folder(parent / str(number))
        _remove_if_empty(parent)

    # -- Log -------------------------------------------------------------------------------

    def log_usage(self, **numbers: float) -> None:
        """Append the numbers of found and computed results to the store's log."""
        record = json.dumps({"time": time.time(), **numbers})
        with suppress(OSError):
            self._make_folder()
            path = self.folder / _LOG
            if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
                self._shorten_log(path)
            with path.open("a") as file:
                file.write(_line_of(record))

    def _shorten_log(self, path: Path) -> None:
        """Replace the records of a log by their sums."""
        totals = json.dumps(dict(self.usage_totals()))
        with open_to_write(path) as file:
            file.write(_line_of(totals).encode())

    def usage_totals(self) -> Counter:
        """Return the sums over all processes since the start of the log."""
        totals: Counter = Counter()
        with suppress(OSError):
            for line in (self.folder / _LOG).read_text(errors="replace").splitlines():
                checksum, _, record = line.partition(" ")
                if checksum == _checksum(record):
                    totals.update(_parse_numbers(record))
        totals.pop("time", None)
        return totals


# -- Files -------------------------------------------------------------------------------------


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and its sub-folders, without those that vanish in between.

    Hidden files are not the store's: systems make them, such as .DS_Store, and .nfs files for files
    that are removed while another process reads them.
    """
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def mark_as_used(path: Path) -> None:
    """Record that a file was used now."""
    with suppress(OSError):
        os.utime(path)


def remove_unit(path: Path) -> None:
    """Remove all files of the unit that a file belongs to, and their folder if it is empty."""
    unit = _unit_of(path)
    with suppress(OSError):
        for file in unit.parent.glob(f"{unit.name}.*"):
            file.unlink(missing_ok=True)
        _remove_if_empty(unit.parent)


def _remove_folder(folder: Path) -> None:
    """Remove a folder and its files, except files that other processes add meanwhile."""
    for parent, _, names in os.walk(folder, topdown=False, onerror=_raise_unless_changed):
        for name in names:
            Path(parent, name).unlink(missing_ok=True)
        _remove_if_empty(Path(parent))


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder that has no files and is no link."""
    try:
        if not folder.is_symlink():
            folder.rmdir()
    except OSError as error:
        _raise_unless_changed(error)


def _raise_unless_changed(error: OSError) -> None:
    """Raise an error, unless a folder is not there or has files."""
    if error.errno not in (ENOENT, ENOTDIR, ENOTEMPTY):
        raise error


@cache
def _warn_that_nothing_is_written(location: str, error: str) -> None:
    """Warn once a process and folder."""
    warn_user(
        f"memory={location!r} cannot be written to ({error}), so results are not shared; they are "
        "the same. Give a folder that you may write to, or None."
    )


def _parse_numbers(record: str) -> dict[str, float]:
    """Return the numbers in a record of the log; none if something else wrote it."""
    with suppress(ValueError, AttributeError, RecursionError):
        return {k: n for k, n in json.loads(record).items() if isinstance(n, int | float)}
    return {}


def _line_of(record: str) -> str:
    """Return a line of the log, which begins with its checksum."""
    return f"{_checksum(record)} {record}\n"


def _checksum(record: str) -> str:
    return f"{crc32(record.encode()):08x}"


def _unit_of(path):
    return path.with_name(path.name.partition(".")[0])
