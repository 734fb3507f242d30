"""Transfer learning for images as an ordinary scikit-learn estimator."""

from . import _threads as _threads  # notes the environment before a cluster changes it
from ._backbone import Backbone, OfficialWeights, Recipe
from ._backbones import list_backbones, register_backbone
from ._classifier import TransferClassifier
from ._features import BackboneFeatures
from ._memory import clear_memory, memory_report

__version__ = "0.1.0.dev0"

__all__ = [
    "Backbone",
    "BackboneFeatures",
    "OfficialWeights",
    "Recipe",
    "TransferClassifier",
    "clear_memory",
    "list_backbones",
    "memory_report",
    "register_backbone",
]
