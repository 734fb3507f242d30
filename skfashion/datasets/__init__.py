"""Fashion-MNIST, a bundled sample and the full data set, and folders of image files."""

from ._fashion_mnist import fetch_fashion_mnist, load_fashion_sample
from ._image_folder import load_image_folder
from ._surfaces import get_surfaces_folder

__all__ = [
    "fetch_fashion_mnist",
    "get_surfaces_folder",
    "load_fashion_sample",
    "load_image_folder",
]
