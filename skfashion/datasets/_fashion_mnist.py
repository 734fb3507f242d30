"""Loaders of Fashion-MNIST with the interface of scikit-learn's loaders."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import StrOptions, validate_params

from .._home_folder import expand_home
from ._idx import IdxFile

HOME_VARIABLE = "SKFASHION_DATA"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
UPSTREAM = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
FOLDER = "fashion-mnist"
DATA = files("skfashion.datasets") / "data"

TARGET_NAMES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]

# (images, labels) of each subset, with the sha256 of the IDX bytes and upstream's md5 of the .gz
_FILES = {
    "train": (
        IdxFile(
            "train-images-idx3-ubyte",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        ),
        IdxFile(
            "train-labels-idx1-ubyte",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "25c81989df183df01b3e8a0aad5dffbe",
        ),
    ),
    "test": (
        IdxFile(
            "t10k-images-idx3-ubyte",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "bef4ecab320f06d8554ea6380940ec79",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
}

_SUBSET = StrOptions({"train", "test", "all"})


@validate_params(
    {
        "subset": [_SUBSET],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
        "flatten": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_fashion_sample(
    *,
    subset: str = "train",
    return_X_y: bool = False,
    as_frame: bool = False,
    flatten: bool = False,
) -> Any:
    """Load the bundled sample of Fashion-MNIST: real images, no download.

    The sample holds the first 500 training and the first 100 test images of each class, in the
    order of the full data set.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Selection of images: the 5,000 training images, the 1,000 test images, or first the training
        and then the test images.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=False
        Whether to return a pandas DataFrame of flat rows and a Series of labels. It requires
        ``flatten=True``.
    flatten : bool, default=False
        Whether to return images as flat rows of 784 pixels.

    Returns
    -------
    data : Bunch
        An object with the fields

        - `data`, uint8 from 0 for black to 255 for white, of shape (n, 28, 28) or (n, 784);
        - `images`, the same of shape (n, 28, 28);
        - `target`, int64 of shape (n,), positions in `target_names`;
        - `target_names`, list of str;
        - `frame`, a DataFrame of `data` and `target` with ``as_frame=True``, else `None`;
        - `DESCR`, a description.
    (data, target) : tuple if ``return_X_y=True``
        Only `data` and `target`.

    Raises
    ------
    ImportError
        If `as_frame` is set and pandas is not installed.
    ValueError
        If `subset` is unknown, or `as_frame` is set without `flatten`.

    See Also
    --------
    fetch_fashion_mnist : Loads the full data set.

    References
    ----------
    Xiao, Rasul, Vollgraf: "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms", arXiv:1708.07747, 2017. MIT licence.

    Examples
    --------
    >>> from skfashion.datasets import load_fashion_sample
    >>> fashion = load_fashion_sample()
    >>> fashion.data.shape
    (5000, 28, 28)
    >>> fashion.target_names[fashion.target[0]]
    'Ankle boot'
    """
    _check_as_frame(as_frame, flatten)
    with (
        (DATA / "fashion_sample.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as sample,
    ):
        parts = {
            name: (sample[f"{name}_images"], sample[f"{name}_labels"]) for name in ("train", "test")
        }
    return _make_bunch(parts, subset, return_X_y, as_frame, flatten, "bundled sample")


@validate_params(
    {
        "subset": [_SUBSET],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
        "flatten": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def fetch_fashion_mnist(
    subset: str = "train",
    *,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    as_frame: bool = False,
    flatten: bool = False,
) -> Any:
    """Load Fashion-MNIST from this machine, or download it if it is missing (30 MB).

    Files are looked for in these folders, in this order: `data_home`, the folder in the environment
    variable ``SKFASHION_DATA``, the subfolder ``fashion-mnist`` of scikit-learn's data home, and
    the folder of Debian's package ``dataset-fashion-mnist``. The sha256 of every file's content is
    checked.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Selection of images: the 60,000 training images, the 10,000 test images, or first the
        training and then the test images.
    data_home : str or path-like, default=None
        First folder of the search, and folder of the download. By default files are downloaded to
        the first of the other folders.
    download_if_missing : bool, default=True
        Whether to download files that are not found. If `False`, a missing file is an error.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=False
        Whether to return a pandas DataFrame of flat rows and a Series of labels. It requires
        ``flatten=True``.
    flatten : bool, default=False
        Whether to return images as flat rows of 784 pixels.

    Returns
    -------
    data : Bunch
        An object with the same fields as for `load_fashion_sample`.
    (data, target) : tuple if ``return_X_y=True``
        Only `data` and `target`.

    Raises
    ------
    ImportError
        If `as_frame` is set and pandas is not installed.
    OSError
        If a file is missing, and not downloaded or not reachable.
    ValueError
        If a file is damaged; the message names it. If `subset` is unknown, or `as_frame` is set
        without `flatten`.

    See Also
    --------
    load_fashion_sample : Loads a bundled sample.

    References
    ----------
    Xiao, Rasul, Vollgraf: "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms", arXiv:1708.07747, 2017. MIT licence.

    Examples
    --------
    >>> from skfashion.datasets import fetch_fashion_mnist
    >>> X, y = fetch_fashion_mnist("test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (10000, 28, 28)
    """
    _check_as_frame(as_frame, flatten)
    folders = _search_folders(data_home)
    idx_files = _FILES if subset == "all" else {subset: _FILES[subset]}
    parts = {
        name: tuple(_read_or_download(file, folders, download_if_missing) for file in pair)
        for name, pair in idx_files.items()
    }
    return _make_bunch(parts, subset, return_X_y, as_frame, flatten, "whole data set")


def _check_as_frame(as_frame: bool, flatten: bool) -> None:
    """Check, before files are read or downloaded, that a frame can be returned."""
    if as_frame:
        check_pandas_support("as_frame=True")
        if not flatten:
            raise ValueError("as_frame=True needs flat rows, got flatten=False: pass flatten=True.")


def _search_folders(data_home: str | os.PathLike | None) -> list[Path]:
    """Return the folders to look in; downloads go to the first."""
    homes = [data_home, os.environ.get(HOME_VARIABLE)]
    folders = [expand_home(home) for home in homes if home]
    # `sklearn.datasets.get_data_home` creates the folder, and fails if it may not.
    sklearn_home = os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")
    with suppress(RuntimeError):  # there is no home folder
        folders.append(expand_home(sklearn_home) / FOLDER)
    return [*folders, DEBIAN_FOLDER]


def _read_or_download(
    file: IdxFile, folders: Sequence[Path], download_if_missing: bool
) -> np.ndarray:
    for folder in folders:
        path = file.find_in(folder)
        if path is not None:
            return file.read(path)
    if not download_if_missing:
        looked_in = ", ".join(map(str, folders))
        raise OSError(
            f"{file.name} (or {file.name}.gz) is in none of {looked_in}. Put it there, install "
            "Debian's package dataset-fashion-mnist, or pass download_if_missing=True."
        )
    return file.read(file.download(UPSTREAM, folders[0]))


def _make_bunch(
    parts: Mapping[str, Sequence[np.ndarray]],
    subset: str,
    return_X_y: bool,
    as_frame: bool,
    flatten: bool,
    title: str,
) -> Any:
    """Return a `Bunch`, or data and labels, in the form that the parameters require."""
    names = ("train", "test") if subset == "all" else (subset,)
    images = np.concatenate([parts[name][0] for name in names])
    target = np.concatenate([parts[name][1] for name in names]).astype(np.int64)
    data = images.reshape(len(images), -1) if flatten else images
    frame = None
    if as_frame:
        pd = check_pandas_support("as_frame=True")
        data = pd.DataFrame(data, columns=[f"pixel{i}" for i in range(data.shape[1])])
        target = pd.Series(target, name="target")
        frame = pd.concat([data, target], axis=1)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        images=images,
        target_names=list(TARGET_NAMES),
        DESCR=(DATA / "fashion_mnist.rst")
        .read_text(encoding="utf-8")
        .format(what=title, n_images=len(images)),
    )
