"""Official weight files: downloaded once, checked by hash, kept in Keras' cache."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import h5py

from .._atomic_files import write_file
from .._backbones.spec import Backbone, OfficialWeights, require_official_weights
from .._home_folder import expand_home

# Seconds without an answer after which a download fails.
_TIMEOUT = 60
_TEMPORARY = ".skfashion-"


def fetch_official(backbone: Backbone) -> Path:
    """Return the path of a backbone's official weights, downloaded if Keras' cache lacks them.

    The file is checked by its published hash. Without one, it is checked by the hash that was
    recorded beside it at its first use.

    Raises
    ------
    ValueError
        If there are no official weights for this backbone, or the cache has a file of this name
        from another address.
    FileNotFoundError
        If the cache lacks the file and the download fails or has another hash.
    """
    official = require_official_weights(backbone)
    folder = expand_home(os.environ.get("KERAS_HOME", "~/.keras")) / "models"
    kept = folder / official.file_name
    expected = official.file_hash
    if expected is None:
        expected, url = _read_record(kept)
        _check_url(official, kept, url)
    if problem := _find_problem(kept, expected):
        _fetch(official, kept, expected, problem)
    if expected is None:
        # A cache that cannot be written to, but has the file, is used without a record.
        with suppress(OSError):
            _record(kept, official.url)
    return kept


def _check_url(official: OfficialWeights, kept: Path, recorded: str) -> None:
    """Check that a file without a published hash was not recorded for another address."""
    if kept.is_file() and recorded not in ("", official.url):
        raise ValueError(
            f"{kept} has weights from {recorded}, but those of {official.url} were requested. Pass "
            f"the path of their file as weights=PATH, or delete {kept.name} and "
            f"{_record_path(kept).name} in that folder."
        )


def _find_problem(path: Path, expected: str | None) -> str | None:
    """Return the fault of the file in the cache; `None` if it is valid."""
    if not path.is_file():
        return "is not there"
    if expected is None:
        return "is damaged there" if _is_damaged(path) else None
    return None if _has_hash(path, expected) else f"does not have the hash {expected} there"


def _has_hash(path: Path, expected: str) -> bool:
    return _compute_hash(path, "sha256" if len(expected) == 64 else "md5") == expected.lower()


def _compute_hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _is_damaged(path: Path) -> bool:
    """Whether HDF5 cannot open a file, such as the part that Keras leaves if it is killed."""
    if path.suffix != ".h5":
        return False
    try:
        h5py.File(path).close()
    except OSError:
        return True
    return False


def _fetch(official: OfficialWeights, kept: Path, expected: str | None, why: str) -> None:
    """Download a file to its place in the cache; a failed download leaves the old file."""
    folder = kept.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=_TEMPORARY) as download_folder:
            fetched = _download(official, download_folder)
            if problem := _find_problem(fetched, expected):
                if official.file_hash is None and expected is not None:
                    record = _record_path(kept).name
                    problem += (
                        f", which was recorded in {record} at the first use of the file. To trust "
                        f"the new one, delete {record} and {kept.name} in that folder"
                    )
                raise OSError(f"the file {problem}")
            fetched.replace(kept)
    except Exception as error:
        raise FileNotFoundError(
            f'weights="imagenet" needs the file {official.file_name} in the folder {folder}. It '
            f"{why} and could not be fetched from {official.url} ({error}). Put it into that "
            "folder, or pass the path of a file as weights=PATH."
        ) from error


def _download(official: OfficialWeights, folder: str) -> Path:
    path = Path(folder, official.file_name)
    is_checked = official.file_hash is not None
    # Only a published hash makes redirects to other protocols, and files of any length, safe.
    handlers = [] if is_checked else [_HttpsRedirects]
    with (
        build_opener(*handlers).open(official.url, timeout=_TIMEOUT) as response,
        path.open("wb") as file,
    ):
        if not is_checked and response.length is None and not response.chunked:
            raise OSError("the server does not say how long the file is")
        # Reading everything at once is an error if the connection ends early.
        file.write(response.read())
        # The content must be on the disk before the file gets its new name.
        file.flush()
        os.fsync(file.fileno())
    return path


class _HttpsRedirects(HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        """Follow a redirect, but not to another protocol."""
        if urlsplit(newurl).scheme != "https":
            raise URLError(f"it redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _record_path(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.sha256")


def _read_record(kept: Path) -> tuple[str | None, str]:
    """Return the hash and the address that were recorded at the first use of a file.

    Without a record the hash is `None`. Without an address, it is an empty text.
    """
    record = _record_path(kept)
    if not record.is_file():
        return None, ""
    # A record that holds no hash matches no file.
    line, _, comment = record.read_text(errors="replace").partition("\n")
    return line.partition(" ")[0], comment.removeprefix("# ").strip()


def _record(kept: Path, url: str) -> None:
    """Write the hash of a complete file beside it, in the format of the command sha256sum."""
    text = f"{_compute_hash(kept, 'sha256')}  {kept.name}\n# {url}\n"
    write_file(_record_path(kept), text.encode())
