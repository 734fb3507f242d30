"""Model selection: a class split in folds and scores, and searches over where to freeze."""

from ._class_split import ClassSplitCV
from ._search_frame import search_frame
from ._target_scorer import target_scorer

__all__ = ["ClassSplitCV", "search_frame", "target_scorer"]
