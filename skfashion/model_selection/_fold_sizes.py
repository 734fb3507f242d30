"""The sizes of the training folds of a fitted search, which does not store its rows."""

from copy import copy
from typing import Any

import numpy as np
from sklearn.model_selection import (
    BaseShuffleSplit,
    KFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    check_cv,
)

from ._class_split import ClassSplitCV

# Splitters whose sizes of folds depend only on the number of rows.
_SPLITTERS = (
    BaseShuffleSplit,
    KFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
)


def find_smallest_fold(search: Any, n_rows: int | None, has_other_rows: bool) -> int | None:
    """Return the number of target rows in the smallest training fold, `None` if unknown.

    Parameters
    ----------
    search : estimator
        A search.
    n_rows : int or None
        Rows of the target task among all rows of the search; `None` if unknown.
    has_other_rows : bool
        Whether there are rows outside the target task.
    """
    cv = search.cv
    # The first rounds of a halving search over rows have fewer.
    if n_rows is None or getattr(search, "resource", None) == "n_samples":
        return None
    if isinstance(cv, ClassSplitCV):
        cv = cv.cv
    elif has_other_rows:
        return None
    if hasattr(cv, "__iter__"):
        return None
    splitter = copy(check_cv(cv))
    if not isinstance(splitter, _SPLITTERS):
        return None
    # A generator inside the splitter, or that of NumPy, must not draw numbers here.
    splitter.random_state = 0
    rows = np.arange(n_rows)
    try:
        return min(len(train) for train, _ in splitter.split(rows, rows % 2))
    except ValueError:  # of splitters of groups
        return None
