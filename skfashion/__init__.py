"""Transfer learning for images as an ordinary scikit-learn estimator."""

from ._backbones import Backbone, list_backbones
from ._classifier import TransferClassifier

__version__ = "0.1.0.dev0"

__all__ = ["Backbone", "TransferClassifier", "list_backbones"]
