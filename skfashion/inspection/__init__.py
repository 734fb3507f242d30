"""Displays of fits and searches, with the methods of scikit-learn's displays."""

from ._freeze_depth import FreezeDepthDisplay
from ._history import HistoryDisplay
from ._image_grid import ImageGridDisplay

__all__ = ["FreezeDepthDisplay", "HistoryDisplay", "ImageGridDisplay"]
