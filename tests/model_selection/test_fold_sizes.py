"""The smallest training fold of a search, from the number of target rows."""

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    HalvingGridSearchCV,
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedShuffleSplit,
)

from skfashion import TransferClassifier
from skfashion.model_selection import ClassSplitCV
from skfashion.model_selection._fold_sizes import find_smallest_fold

CLF, GRID = TransferClassifier(), {"freeze_until": [0, 1]}


def class_split(cv):
    return ClassSplitCV(cv, pretrain_classes=[5])


@pytest.mark.parametrize(
    ("cv", "expected"),
    [
        (None, 80),
        (3, 66),
        (KFold(3, shuffle=True), 66),
        (RepeatedStratifiedKFold(n_splits=4, n_repeats=2), 75),
        (ShuffleSplit(1, train_size=0.25), 25),
        (StratifiedShuffleSplit(2, test_size=30), 70),
        (class_split(2), 50),
        (class_split(ShuffleSplit(1, train_size=7)), 7),
        (GroupKFold(2), None),
        (GroupShuffleSplit(2), None),
        ([(range(50), range(50, 100))], None),
        (KFold(200), None),
    ],
)
def test_smallest_fold_of_100_target_rows(cv, expected):
    assert find_smallest_fold(GridSearchCV(CLF, GRID, cv=cv), 100, False) == expected


def test_source_rows_are_split_too_unless_the_class_split_is_known():
    for cv, expected in [(2, None), (class_split(2), 50)]:
        assert find_smallest_fold(GridSearchCV(CLF, GRID, cv=cv), 100, True) == expected


@pytest.mark.parametrize(("resource", "expected"), [("n_samples", None), ("epochs", 50)])
def test_rounds_of_halving_may_have_fewer_rows(resource, expected):
    search = HalvingGridSearchCV(CLF, GRID, cv=2, resource=resource)
    assert find_smallest_fold(search, 100, False) == expected


def test_no_random_numbers_are_drawn():
    generator = np.random.RandomState(0)
    find_smallest_fold(GridSearchCV(CLF, GRID, cv=ShuffleSplit(random_state=generator)), 100, False)
    assert generator.randint(1000) == np.random.RandomState(0).randint(1000)
