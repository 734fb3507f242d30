"""Official weight files: downloaded once, checked by hash, kept in Keras' cache."""

import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from .._backbones.spec import Backbone, OfficialWeights, require_official_weights
from .._keras.tensorflow import keras


def fetch_official(backbone: Backbone) -> Path:
    """Return the path of a backbone's official weights, downloaded if Keras' cache lacks them.

    Raises
    ------
    ValueError
        If there are no official weights for this backbone.
    FileNotFoundError
        If the cache lacks the file and the download fails.
    """
    official = require_official_weights(backbone)
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    kept = folder / official.file_name
    if not kept.is_file():
        _fetch(official, kept, "is not there")
    elif not _is_intact(kept, official):
        _fetch(official, kept, f"does not have the hash {official.file_hash} there")
    return kept


def _is_intact(path: Path, official: OfficialWeights) -> bool:
    algorithm = "sha256" if len(official.file_hash) == 64 else "md5"
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == official.file_hash.lower()


def _fetch(official: OfficialWeights, kept: Path, why: str) -> None:
    """Download a file to its place in the cache; a failed download leaves the old file."""
    folder = kept.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".skfashion-") as download_folder:
            fetched = Path(
                keras.utils.get_file(
                    official.file_name,
                    official.url,
                    cache_dir=download_folder,
                    cache_subdir="",
                )
            )
            if not _is_intact(fetched, official):
                raise OSError(f"the file there does not have the hash {official.file_hash}")
            fetched.replace(kept)
    except Exception as error:
        raise FileNotFoundError(
            f'weights="imagenet" needs the file {official.file_name} in the folder {folder}. It '
            f"{why} and could not be fetched from {official.url} ({error}). Put it into that "
            "folder, or pass the path of a file as weights=PATH."
        ) from error
