"""Pictures of fits and searches, in the manner of scikit-learn's displays."""

from ._history import HistoryDisplay
from ._image_grid import ImageGridDisplay

__all__ = ["HistoryDisplay", "ImageGridDisplay"]
