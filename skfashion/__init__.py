"""Transfer learning for images as an ordinary scikit-learn estimator."""

from . import _missing_modules  # noqa: F401  It explains pickles of other versions.
from ._backbones.recipe import Recipe
from ._backbones.registry import list_backbones, register_backbone
from ._backbones.spec import Backbone, OfficialWeights
from ._cache import source_code as _source_code  # noqa: F401  It reads the state of modules now.
from ._cache.memory import clear_memory, memory_report
from ._estimators.backbone_features import BackboneFeatures
from ._estimators.card import model_card
from ._estimators.export import export_onnx
from ._estimators.transfer_classifier import TransferClassifier
from ._keras import start_environment as _start_environment  # noqa: F401  It is read now.
from ._keras import threads as _threads  # noqa: F401  It reads OMP_NUM_THREADS now.
from ._persistence.save_and_load import load, save
from ._persistence.saved_classes import saved as _saved
from ._reporting.model_card import ModelCard
from ._version import __version__ as __version__

# Files name these classes, independent of their modules.
_saved(BackboneFeatures)
_saved(TransferClassifier)

__all__ = [
    "Backbone",
    "BackboneFeatures",
    "ModelCard",
    "OfficialWeights",
    "Recipe",
    "TransferClassifier",
    "clear_memory",
    "export_onnx",
    "list_backbones",
    "load",
    "memory_report",
    "model_card",
    "register_backbone",
    "save",
]
