"""Model selection: a class split in folds and scores, and searches over freeze points."""

from ._check_search import check_search
from ._class_split import ClassSplitCV
from ._freeze_points import freeze_points
from ._rank_freeze_points import rank_freeze_points
from ._search_frame import search_frame
from ._target_scorer import target_scorer

__all__ = [
    "ClassSplitCV",
    "check_search",
    "freeze_points",
    "rank_freeze_points",
    "search_frame",
    "target_scorer",
]
