"""Image files: their headers are checked, their pixels are not read."""

import warnings
from collections.abc import Sequence
from pathlib import Path

_MOST_NAMED = 5


def check_image_headers(paths: Sequence[str]) -> None:
    """Check that Pillow can open each file, by its header alone.

    Parameters
    ----------
    paths : sequence of str
        Paths of image files.

    Raises
    ------
    ModuleNotFoundError
        If Pillow is not installed.
    ValueError
        If files cannot be opened. The message names the first of them, with reasons.
    """
    broken = [(path, reason) for path in paths if (reason := _find_damage(path))]
    if broken:
        named = "".join(f"\n- {path!r}: {reason}" for path, reason in broken[:_MOST_NAMED])
        others = len(broken) - _MOST_NAMED
        rest = f"\nand {others} more." if others > 0 else ""
        raise ValueError(
            f"{len(broken)} of {len(paths)} files cannot be read as images. Repair or remove "
            f"them:{named}{rest}"
        )


def _find_damage(path: str) -> str | None:
    """Return why a file cannot be opened as an image; `None` if it can."""
    Image = _import_pillow().Image
    file = Path(path)
    try:
        if not file.exists():
            return "missing"
        if not file.is_file():
            return "not a file"
        if not file.stat().st_size:
            return "empty"
        with warnings.catch_warnings():
            # Pillow warns from its limit on, and refuses images of twice as many pixels.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.open(path).close()
    except PermissionError:
        return "no permission to read it"
    except Image.DecompressionBombError as error:
        return f"larger than Pillow's limit ({error})"
    except Exception as error:  # the errors of damaged headers depend on the format
        return f"not an image that Pillow can read ({type(error).__name__})"
    return None


def _import_pillow():
    try:
        import PIL.Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'Image files need the package Pillow: run `pip install "skfashion[images]"`.',
            name="PIL",
        ) from error
    return PIL
