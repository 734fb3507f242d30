"""Image files: checks of their headers, before a pixel is decoded."""

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Pillow also opens other formats. One of them runs a program (EPS), others show a picture only on
# one system.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000")
_BITS_PER_SAMPLE = 0x0102  # a tag of TIFF
# As many files are named in an error.
_MOST_NAMED = 5
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def import_pillow() -> Any:
    """Return Pillow's module `Image`.

    Raises
    ------
    ModuleNotFoundError
        If Pillow is not installed.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Images are read from files and resized by Pillow, which is not installed: "
            'run `pip install "skfashion[images]"`.',
            name="PIL",
        ) from error
    return Image


def open_image(path) -> Any:
    """Return a Pillow image whose header is read.

    Raises
    ------
    OSError
        If there is no such file, or it is not an image of `FORMATS`.
    """
    return import_pillow().open(path, formats=FORMATS)


def find_white(image) -> int | None:
    """Return the value for white of a grey Pillow image of more than 8 bits, `None` for others."""
    # Pillow scales PGM files of more than 8 bits to 16 bits, and opens them in a mode of 32 bits.
    if not image.mode.startswith("I;16") and (image.mode, image.format) != ("I", "PPM"):
        return None
    # Other formats have 16 bits here as well, except TIFF.
    n_bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0]
    return 2**n_bits - 1


def check_mode(image) -> None:
    """Check that the mode of a Pillow image has a defined black and white.

    Raises
    ------
    ValueError
        If it has not.
    """
    if image.mode in ("I", "F") and find_white(image) is None:
        raise ValueError(
            f"an image of 32-bit pixels (mode {image.mode}) has no defined black and white: save "
            "it with 8 or 16 bits"
        )


def check_image_headers(paths: Sequence[str | os.PathLike]) -> None:
    """Check by their headers that files are images.

    Parameters
    ----------
    paths : sequence of str or path-like
        The files.

    Raises
    ------
    ValueError
        If files are empty, folders, no images, larger than Pillow's limit of pixels, or of a mode
        that `check_mode` refuses.
    FileNotFoundError
        If all that is wrong is that files are missing.
    PermissionError
        If all that is wrong is that files may not be read.
    """
    import_pillow()
    if faults := find_faults(paths):
        raise unreadable_files(faults, len(paths))


def unreadable_files(faults: Mapping[Any, Exception], n_files: int) -> Exception:
    """Return the error that names files which cannot be read.

    Parameters
    ----------
    faults : dict of path to Exception
        Fault of each file.
    n_files : int
        Number of all files.
    """
    named = "; ".join(
        f"{str(path)!r}: {describe_fault(fault)}" for path, fault in _first(faults.items())
    )
    more = "; ..." if len(faults) > _MOST_NAMED else ""
    message = (
        f"{len(faults)} of {n_files} images cannot be read ({named}{more}). Repair them or "
        "leave them out; load_image_folder(folder, verify=True) checks a folder."
    )
    kinds = {type(fault) for fault in faults.values()}
    kind = kinds.pop() if len(kinds) == 1 else ValueError
    return kind(message) if kind in (FileNotFoundError, PermissionError) else ValueError(message)


def _first(items: Iterable) -> list:
    return list(items)[:_MOST_NAMED]


def describe_fault(fault: Exception) -> str:
    """Return the fault of a file, without its name."""
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return str(fault) or type(fault).__name__


def is_url(path: str) -> bool:
    """Return whether a path is a URL."""
    return _URL.match(path) is not None


def find_faults(paths: Iterable) -> dict[Any, Exception]:
    """Return the fault of each file whose header is not valid, by path."""
    return {path: fault for path in paths if (fault := _find_fault(path)) is not None}


def _find_fault(path) -> Exception | None:
    if isinstance(path, str) and is_url(path):
        return ValueError("it is a URL: download the file, and pass its path")
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            return ValueError("it is a folder")
        if not stat.S_ISREG(status.st_mode):
            return ValueError("it is not a regular file")
        if not status.st_size:
            return ValueError("it is empty")
        with open_image(path) as image:
            check_mode(image)
            return _find_fault_of_size(*image.size)
    except (FileNotFoundError, PermissionError) as error:
        return error
    # The parsers of damaged headers raise errors of many types.
    except Exception as error:
        return _without_path(error)


def _find_fault_of_size(width: int, height: int) -> Exception | None:
    limit = import_pillow().MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        return ValueError(
            f"it has {width} x {height} pixels, more than Pillow's limit, MAX_IMAGE_PIXELS={limit}"
        )
    return None


def _without_path(error: Exception) -> Exception:
    """Return an error that states the fault without the name of the file."""
    image = import_pillow()
    if isinstance(error, image.UnidentifiedImageError):
        return ValueError(f"it is not an image of the formats {', '.join(FORMATS)}")
    if isinstance(error, image.DecompressionBombError | image.DecompressionBombWarning):
        return ValueError("it has more pixels than Pillow's limit, MAX_IMAGE_PIXELS")
    return error
