"""Official weight files: fetched once, checked by hash, kept where Keras keeps them."""

import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from .._backbones.spec import Backbone, OfficialWeights, official_weights_of
from .._keras.tensorflow import keras


def fetch_official(backbone: Backbone) -> Path:
    """Return the path of a backbone's official weights, fetched if they are not in Keras' cache.

    Raises
    ------
    ValueError
        If there is no official file for this backbone.
    FileNotFoundError
        If it is not in the cache and cannot be fetched.
    """
    official = official_weights_of(backbone)
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    kept = folder / official.file_name
    if not kept.is_file():
        _fetch(official, kept, "is not there")
    elif not _is_intact(kept, official):
        _fetch(official, kept, f"does not have the hash {official.file_hash} there")
    return kept


def _is_intact(path, official: OfficialWeights) -> bool:
    algorithm = "sha256" if len(official.file_hash) == 64 else "md5"
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == official.file_hash.lower()


def _fetch(official: OfficialWeights, kept: Path, why) -> None:
    """Download to where it is kept; an interrupted or wrong download leaves what is there."""
    folder = kept.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".skfashion-") as unfinished:
            fetched = Path(
                keras.utils.get_file(
                    official.file_name,
                    official.url,
                    cache_dir=unfinished,
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
