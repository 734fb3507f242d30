"""Transfer learning for images as an ordinary scikit-learn estimator."""

from . import _missing_modules  # noqa: F401  It explains pickles of other versions.
from ._backbones.recipe import Recipe
from ._backbones.registry import list_backbones, register_backbone
from ._backbones.spec import Backbone, OfficialWeights
from ._cache.memory import clear_memory, memory_report
from ._estimators.backbone_features import BackboneFeatures
from ._estimators.export import export_onnx
from ._estimators.transfer_classifier import TransferClassifier
from ._keras import threads as _threads  # noqa: F401  It reads OMP_NUM_THREADS now.

__version__ = "0.1.0.dev0"

__all__ = [
    "Backbone",
    "BackboneFeatures",
    "OfficialWeights",
    "Recipe",
    "TransferClassifier",
    "clear_memory",
    "export_onnx",
    "list_backbones",
    "memory_report",
    "register_backbone",
]
