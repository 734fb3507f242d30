"""IDX files: read, checked byte for byte, and fetched without leaving half a file."""

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.request import urlopen

import numpy as np

_UNSIGNED_BYTES = 0x08


@dataclass(frozen=True)
class IdxFile:
    """A file of the data set, and how to tell that it is the right one.

    Parameters
    ----------
    name : str
        File name, without ``.gz``.
    sha256 : str
        Of the IDX bytes. Compressed files differ between distributors.
    gz_md5 : str
        Of the compressed file that upstream publishes.
    """

    name: str
    sha256: str
    gz_md5: str

    def find_in(self, folder: Path) -> Path | None:
        """Return where the file stands in a folder, compressed or not, or `None`."""
        for name in (self.name, f"{self.name}.gz"):
            if (folder / name).is_file():
                return folder / name
        return None

    def read(self, path: Path) -> np.ndarray:
        """Read the file's array.

        Raises
        ------
        ValueError
            If the file is cut short or is not the one it should be.
        """
        raw = path.read_bytes()
        if path.suffix == ".gz":
            try:
                raw = gzip.decompress(raw)
            except (OSError, EOFError, zlib.error) as error:
                raise ValueError(self._complaint(path, f"does not decompress ({error})")) from None
        found = hashlib.sha256(raw).hexdigest()
        if found != self.sha256:
            raise ValueError(
                self._complaint(path, f"has the wrong content (sha256 {found}, not {self.sha256})")
            )
        return parse_idx(raw, path)

    @staticmethod
    def _complaint(path, what):
        return f"{path} {what}. Delete the file and fetch it anew."

    def download(self, url: str, folder: Path) -> Path:
        """Fetch the compressed file into a folder, checked before it gets its name.

        Raises
        ------
        OSError
            If the server cannot be reached or the transfer breaks off.
        ValueError
            If what comes is not the published file.
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
        _write_atomically(path, content)
        return path


def _write_atomically(path: Path, content: bytes) -> None:
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as part:
        try:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
            Path(part.name).replace(path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def parse_idx(raw: bytes, path) -> np.ndarray:
    """Return the array of unsigned bytes in an IDX file.

    Parameters
    ----------
    raw : bytes
        Content of the file: two zero bytes, the type, the number of dimensions, each dimension
        as four big-endian bytes, and the numbers.
    path : path-like
        For messages.

    Raises
    ------
    ValueError
        If header and length do not agree.
    """
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _UNSIGNED_BYTES:
        raise ValueError(f"{path} is not an IDX file of unsigned bytes. Delete and fetch it anew.")
    n_dimensions = raw[3]
    start = 4 + 4 * n_dimensions
    if len(raw) < start:
        raise ValueError(f"{path} ends within its IDX header. Delete the file and fetch it anew.")
    shape = tuple(np.frombuffer(raw, ">u4", n_dimensions, offset=4).tolist())
    if len(raw) - start != int(np.prod(shape)):
        raise ValueError(
            f"{path} holds {len(raw) - start} numbers, but its IDX header says {shape}. Delete the "
            "file and fetch it anew."
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()
