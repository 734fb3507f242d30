"""Fashion-MNIST: a bundled sample and the full data set."""

from ._fashion_mnist import fetch_fashion_mnist, load_fashion_sample

__all__ = ["fetch_fashion_mnist", "load_fashion_sample"]
