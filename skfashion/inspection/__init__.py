"""Displays of fits and searches, with the methods of scikit-learn's displays, and Grad-CAM."""

from ._freeze_depth import FreezeDepthDisplay
from ._freeze_ranking import FreezeRankingDisplay
from ._grad_cam import grad_cam
from ._grad_cam_display import GradCAMDisplay
from ._history import HistoryDisplay
from ._image_grid import ImageGridDisplay

__all__ = [
    "FreezeDepthDisplay",
    "FreezeRankingDisplay",
    "GradCAMDisplay",
    "HistoryDisplay",
    "ImageGridDisplay",
    "grad_cam",
]
