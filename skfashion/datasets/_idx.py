"""IDX files: read, verify by checksum, and download atomically."""

import gzip
import hashlib
import math
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, cast
from urllib.request import urlopen

import numpy as np

from .._atomic_files import write_file

_UNSIGNED_BYTES = 0x08
# NumPy has no arrays of more dimensions.
_MAX_DIMENSIONS = 64
# The largest file of the data set has 47 million.
_MAX_BYTES = 2**26


@dataclass(frozen=True)
class IdxFile:
    """A file of the data set, with its checksums.

    Parameters
    ----------
    name : str
        File name, without ``.gz``.
    sha256 : str
        Checksum of the IDX bytes. Compressed files differ between distributors.
    gz_md5 : str
        Checksum of the compressed file that upstream publishes.
    """

    name: str
    sha256: str
    gz_md5: str

    def find_in(self, folder: Path) -> Path | None:
        """Return the path of the file in a folder, compressed or not; `None` if it is missing."""
        for name in (self.name, f"{self.name}.gz"):
            with suppress(PermissionError):
                if (folder / name).is_file():
                    return folder / name
        return None

    def read(self, path: Path) -> np.ndarray:
        """Return the array in the file, after its checksum was verified.

        Raises
        ------
        OSError
            If the file may not be read.
        ValueError
            If the file is truncated or its checksum differs.
        """
        if path.suffix == ".gz":
            try:
                with gzip.open(path) as file:
                    raw = _read_idx(cast(BinaryIO, file))
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise _damage_error(path, f"does not decompress ({error})") from None
        else:
            with path.open("rb") as file:
                raw = _read_idx(file)
        found = hashlib.sha256(raw).hexdigest()
        if found != self.sha256:
            raise _damage_error(path, f"has the wrong content (sha256 {found}, not {self.sha256})")
        return parse_idx(raw, path)

    def download(self, url: str, folder: Path) -> Path:
        """Download the compressed file to a folder and return its path.

        The checksum is verified before a file is written.

        Raises
        ------
        OSError
            If the server cannot be reached, the transfer is interrupted, or the file cannot be
            written.
        ValueError
            If the checksum differs from that of the published file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        address = f"{url}/{self.name}.gz"
        try:
            with urlopen(address, timeout=60) as response:
                content = response.read()
        except (OSError, HTTPException) as error:
            raise OSError(
                f"{address} could not be fetched ({error}). Put {self.name}.gz into {folder}, or "
                "use load_fashion_sample, which is bundled."
            ) from error
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != self.gz_md5:
            raise ValueError(
                f"{address} sent {len(content)} bytes that are not the published file (md5 "
                f"{found}, not {self.gz_md5}); nothing was kept. Try again later."
            )
        path = folder / f"{self.name}.gz"
        write_file(path, content)
        return path


def _damage_error(path: str | os.PathLike, damage: str) -> ValueError:
    return ValueError(f"{path} {damage}. Delete the file and fetch it again.")


def _read_idx(file: BinaryIO) -> bytes:
    """Read an IDX file, and at most one byte more than its header states."""
    start = file.read(4)
    shape = file.read(4 * start[3]) if len(start) == 4 else b""
    n_bytes = math.prod(np.frombuffer(shape[: len(shape) // 4 * 4], ">u4").tolist())
    return start + shape + file.read(min(n_bytes, _MAX_BYTES) + 1)


def parse_idx(raw: bytes, path: str | os.PathLike) -> np.ndarray:
    """Return the array of unsigned bytes in an IDX file.

    Parameters
    ----------
    raw : bytes
        Content of the file: two zero bytes, the type, the number of dimensions, each dimension
        as four big-endian bytes, and the numbers.
    path : path-like
        Path of the file, for error messages.

    Returns
    -------
    ndarray of uint8
        The array, with the shape that the header states.

    Raises
    ------
    ValueError
        If the header and the length of the file contradict each other.
    """
    if len(raw) < 4 or raw[:3] != bytes([0, 0, _UNSIGNED_BYTES]) or raw[3] > _MAX_DIMENSIONS:
        raise _damage_error(path, "is not an IDX file of unsigned bytes")
    n_dimensions = raw[3]
    start = 4 + 4 * n_dimensions
    if len(raw) < start:
        raise _damage_error(path, "ends within its IDX header")
    shape = tuple(np.frombuffer(raw, ">u4", n_dimensions, offset=4).tolist())
    if len(raw) - start != math.prod(shape):
        raise _damage_error(
            path, f"holds {len(raw) - start} numbers, but its IDX header says {shape}"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()
