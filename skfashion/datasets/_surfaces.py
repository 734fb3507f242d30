"""A bundled folder of photographs, with a subfolder for each class."""

from importlib.resources import files
from pathlib import Path


def get_surfaces_folder() -> Path:
    """Return the bundled folder of small photographs, for first trials without a download.

    The folder has three subfolders, ``brick``, ``grass`` and ``gravel``, with 36 grey JPEG files
    each, of 64 to 85 pixels a side.

    Returns
    -------
    Path
        The folder.

    See Also
    --------
    load_image_folder : Loads paths and labels from such a folder.

    Notes
    -----
    The files of a class are parts of one photograph that do not overlap. So they are more alike
    than photographs of a class usually are, and scores say little about other data.

    The three photographs have the licence CC0. scikit-image ships them as `skimage.data.brick`,
    `grass` and `gravel`; ``LICENSE.surfaces`` in the package names the sources.

    Examples
    --------
    >>> from skfashion.datasets import get_surfaces_folder, load_image_folder
    >>> X, y = load_image_folder(get_surfaces_folder(), return_X_y=True)
    >>> X.shape, sorted(set(y.tolist()))
    ((108,), ['brick', 'grass', 'gravel'])
    """
    return Path(str(files("skfashion.datasets") / "data" / "surfaces"))
