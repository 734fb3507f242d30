"""A loader of paths and labels from a folder that has a subfolder for each class."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from .._data.image_files import check_image_headers, is_url
from .._home_folder import expand_home
from .._messages import unknown_name_message, warn_user

# Endings of the formats that are read.
IMAGE_EXTENSIONS = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".jp2"),
    *(".pbm", ".pgm", ".pnm", ".ppm"),
)
_MOST_ENDINGS_NAMED = 5
_REMEDY = "Give the path of a folder that has a subfolder for each class."


@validate_params(
    {
        "container_path": [str, os.PathLike],
        "categories": ["array-like", None],
        "extensions": ["array-like", None],
        "verify": ["boolean"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_image_folder(
    container_path: str | os.PathLike,
    *,
    categories: Iterable[str] | None = None,
    extensions: Iterable[str] | None = None,
    verify: bool = False,
    return_X_y: bool = False,
) -> Any:
    """Load paths and labels of image files from a folder with a subfolder for each class.

    No image is decoded, so that a folder of any size loads in seconds::

        container_path/
            Bag/
                1.png
                more/2.jpg
            Trouser/
                3.png

    These files are taken:

    - The class of a file is its first-level subfolder, at any depth. Files directly in
      `container_path` are left out.
    - Files with other endings than `extensions` are left out. So are files and folders with names
      that begin with a dot, and folders named ``__MACOSX``.
    - Links are followed, to files and to folders. A link to a missing file is taken; `verify`
      reports it. Within a class each folder is read once, and `container_path` is not read again,
      so circular links are safe.
    - A subfolder without images is not a class, and a warning names it.

    Parameters
    ----------
    container_path : str or path-like
        The folder. ``~`` is the user's home folder.
    categories : array-like of shape (n_classes,), default=None
        Names of the subfolders to load. By default all.
    extensions : array-like of shape (n_extensions,), default=None
        Endings of the files to load, in upper or lower case, with or without the dot. By default
        .jpg, .jpeg, .jfif, .png, .webp, .bmp, .tif, .tiff, .gif, .avif, .jp2, .pbm, .pgm, .pnm and
        .ppm.
    verify : bool, default=False
        Whether to open each file with Pillow and check its header. Pixels are not read.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a `Bunch`.

    Returns
    -------
    data : Bunch
        An object with the fields

        - `data`, ndarray of str of shape (n,): absolute paths, sorted by character with ``/``
          between folders, on every system;
        - `target`, ndarray of str of shape (n,): the name of each file's class;
        - `target_names`, list of str: the classes, sorted;
        - `DESCR`, a description: the folder, and the number of images of each class.
    (data, target) : tuple if ``return_X_y=True``
        Only `data` and `target`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or if `verify` finds links to missing files and no other fault.
    NotADirectoryError
        If `container_path` is a file.
    PermissionError
        If a folder may not be read.
    ValueError
        If `container_path` is a URL, images are not in subfolders, there are none, or only one
        subfolder has images. If a category is unknown or has no images, or an extension is invalid.
        If `verify` finds files that Pillow cannot open; the message names the first five.
    ModuleNotFoundError
        If `verify` is set and Pillow is not installed.

    See Also
    --------
    sklearn.datasets.load_files : Loads text files from such a folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from skfashion.datasets import load_fashion_sample, load_image_folder
    >>> fashion = load_fashion_sample()
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("Trouser", "Bag"):
    ...         Path(folder, name).mkdir()
    ...         label = fashion.target_names.index(name)
    ...         for n, image in enumerate(fashion.images[fashion.target == label][:3]):
    ...             Image.fromarray(image).save(Path(folder, name, f"{n}.png"))
    ...     X, y = load_image_folder(folder, verify=True, return_X_y=True)
    >>> Path(X[0]).name
    '0.png'
    >>> y.tolist()
    ['Bag', 'Bag', 'Bag', 'Trouser', 'Trouser', 'Trouser']
    """
    data, target = find_labelled_images(
        container_path, categories=categories, extensions=extensions
    )
    if verify:
        check_image_headers(data.tolist())
    if return_X_y:
        return data, target
    counts = Counter(target.tolist())
    root = expand_home(os.fsdecode(container_path)).absolute()
    return Bunch(
        data=data, target=target, target_names=sorted(counts), DESCR=_describe(root, counts)
    )


def find_labelled_images(
    container_path: str | os.PathLike,
    *,
    categories: Iterable[str] | None = None,
    extensions: Iterable[str] | None = None,
    fewest_classes: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Return paths and labels, as `load_image_folder`, of at least `fewest_classes` classes."""
    root = _check_folder(os.fsdecode(container_path))
    endings = _check_extensions(extensions)
    images, other_files = [], []
    chosen = _choose_subfolders(root, categories)
    for name in chosen:
        for path in _walk_files(root / name, root):
            if path.name.lower().endswith(endings):
                images.append((path, name))
            else:
                other_files.append(path)
    if not images and (categories is None or not chosen or _has_images(root, endings)):
        raise ValueError(_no_images_message(root, endings, other_files))
    empty = sorted(set(chosen).difference(name for _, name in images))
    if empty and categories is not None:
        raise ValueError(
            f"categories names subfolders of {str(root)!r} that have no images: {empty}. Leave "
            "them out, or name the endings of their images as extensions=[...]."
        )
    # The order of characters does not depend on the system's separator then.
    images.sort(key=lambda image: image[0].as_posix())
    labels = [name for _, name in images]
    if len(set(labels)) < fewest_classes:
        raise ValueError(
            f"container_path={str(root)!r} has images in one subfolder only, {labels[0]!r}, and a "
            f"classifier needs two classes. {_REMEDY}"
        )
    if empty:
        warn_user(
            f"Subfolders of {str(root)!r} have no images, so they are not classes: {empty}. Name "
            "the subfolders to load as categories=[...], or the endings as extensions=[...], or "
            "remove the empty ones."
        )
    return np.array([str(path) for path, _ in images]), np.array(labels)


def list_images(folder: str) -> list[str]:
    """Return the paths of the image files in a folder, at any depth, sorted."""
    images = [
        path for path in _walk_files(Path(folder)) if path.name.lower().endswith(IMAGE_EXTENSIONS)
    ]
    return [str(path) for path in sorted(images, key=Path.as_posix)]


def _check_folder(path: str) -> Path:
    """Return the absolute path of a folder."""
    if is_url(path):
        raise ValueError(
            f"container_path={path!r} is a URL, and nothing is downloaded. Fetch and unpack the "
            f"files first. {_REMEDY}"
        )
    root = expand_home(path).absolute()
    if not root.exists():
        raise FileNotFoundError(f"container_path={str(root)!r}: there is no such folder. {_REMEDY}")
    if not root.is_dir():
        raise NotADirectoryError(
            f"container_path={str(root)!r} is a file. Unpack it if it is an archive. {_REMEDY}"
        )
    return root


def _check_extensions(extensions: Iterable[str] | None) -> tuple[str, ...]:
    """Return endings in lower case, with their dots."""
    if extensions is None:
        return IMAGE_EXTENSIONS
    endings = []
    for ending in extensions:
        if not isinstance(ending, str) or not re.fullmatch(r"\.?\w[\w.]*", ending):
            raise ValueError(
                f"extensions has {ending!r}, which is not an ending of a file name. Give letters "
                'and digits, with or without the dot, such as [".png"].'
            )
        endings.append(f".{ending.lower().removeprefix('.')}")
    if not endings:
        raise ValueError('extensions is empty. Give endings, such as [".png"], or None.')
    return tuple(endings)


def _choose_subfolders(root: Path, categories: Iterable[str] | None) -> list[str]:
    """Return the names of the first-level subfolders to load."""
    subfolders = sorted(
        path.name for path in root.iterdir() if not _is_hidden(path.name) and path.is_dir()
    )
    # Without subfolders, an unknown name is not the cause.
    if categories is None or not subfolders:
        return subfolders
    chosen = list(dict.fromkeys(categories))
    if not chosen:
        raise ValueError(f"categories is empty. Name subfolders out of {subfolders}, or give None.")
    for name in chosen:
        if name not in subfolders:
            raise ValueError(unknown_name_message("categories", name, subfolders))
    return chosen


def _walk_files(folder: Path, root: Path | None = None) -> Iterator[Path]:
    """Yield the paths of all files in a folder that are not hidden; `root` is not read again."""
    read = {_identify(root)} if root else set()

    def is_new(subfolder: Path) -> bool:
        identity = _identify(subfolder)
        if identity in read:
            return False
        read.add(identity)
        return True

    if not is_new(folder):
        return
    for parent, subfolders, names in os.walk(folder, onerror=_raise, followlinks=True):
        subfolders[:] = [
            name
            for name in sorted(subfolders)
            if not _is_hidden(name) and is_new(Path(parent, name))
        ]
        yield from (Path(parent, name) for name in names if not _is_hidden(name))


def _identify(folder: Path) -> tuple[int, int]:
    """Return an identifier of a folder, the same for all paths and links to it."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _raise(error: OSError) -> None:
    raise error


def _has_images(root: Path, endings: tuple[str, ...]) -> bool:
    """Return whether there are images in a folder itself, besides its subfolders."""
    return any(
        path.name.lower().endswith(endings)
        for path in root.iterdir()
        if not _is_hidden(path.name) and path.is_file()
    )


def _no_images_message(root: Path, endings: tuple[str, ...], other_files: list[Path]) -> str:
    looked_for = ", ".join(endings)
    if _has_images(root, endings):
        return (
            f"container_path={str(root)!r} has images, but the subfolders to load have none, and "
            "the class of an image is its subfolder. Put each class into a subfolder, or build "
            "lists of paths and labels yourself."
        )
    found = Counter(sorted(path.suffix.lower() or "no ending" for path in other_files))
    most = ", ".join(f"{ending} ({n})" for ending, n in found.most_common(_MOST_ENDINGS_NAMED))
    others = (
        f"The endings there are {most}. Name those of images as extensions=[...]."
        if found
        else f"There are no other files, either. {_REMEDY}"
    )
    return (
        f"container_path={str(root)!r} has no images in subfolders: no name ends in "
        f"{looked_for}. {others}"
    )


def _describe(root: Path, counts: Counter) -> str:
    # Names are quoted because they may have line breaks and characters that cannot be printed.
    lines = "\n".join(f"- {name!r}: {counts[name]}" for name in sorted(counts))
    return (
        f"Paths of image files, with the names of their subfolders as labels\n\n"
        f"Folder: {str(root)!r}\nFiles: {counts.total()}\nClasses: {len(counts)}\n"
        f"Files of each class:\n{lines}\n"
    )
