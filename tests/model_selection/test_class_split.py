"""ClassSplitCV: source rows in every training fold."""

from contextlib import nullcontext

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_val_score,
)

from skfashion.model_selection import ClassSplitCV
from tests.class_split import GTE5

Y = np.tile(np.arange(10), 6)


X = np.arange(60)


@pytest.mark.parametrize(
    "cv",
    [
        3,
        KFold(4),
        StratifiedKFold(3, shuffle=True, random_state=0),
        RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
        StratifiedShuffleSplit(2, test_size=10, random_state=0),
        LeaveOneOut(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("names", [np.arange(10), np.array(list("abcdefghij"))], ids=["int", "str"])
def test_source_rows_are_in_every_training_fold_and_target_rows_are_split(cv, names):
    y = names[Y]
    splitter = ClassSplitCV(cv, pretrain_classes=names[5:])
    folds = list(splitter.split(X, y))
    assert len(folds) == splitter.get_n_splits(X, y)
    source, target = np.flatnonzero(Y >= 5), np.flatnonzero(Y < 5)
    for train, test in folds:
        assert_array_equal(train, np.unique(train))
        assert set(source) <= set(train)
        assert set(test) <= set(target)
        assert not set(train) & set(test)


def test_folds_are_those_of_the_wrapped_splitter():
    target = np.flatnonzero(Y < 5)
    wrapped = StratifiedKFold(3).split(target, Y[target])
    for (train, test), (inner_train, inner_test) in zip(
        ClassSplitCV(3, pretrain_classes=GTE5).split(X, Y), wrapped, strict=True
    ):
        assert_array_equal(test, target[inner_test])
        assert_array_equal(train[Y[train] < 5], target[inner_train])


class Bootstrap:
    """A splitter whose training rows are drawn with replacement."""

    def split(self, X, y=None, groups=None):
        rng = np.random.default_rng(0)
        yield rng.integers(0, len(X), 2 * len(X)), np.arange(3)

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


def test_repeated_training_rows_are_kept():
    target, source = np.flatnonzero(Y < 5), np.flatnonzero(Y >= 5)
    ((train, test),) = ClassSplitCV(Bootstrap(), pretrain_classes=GTE5).split(X, Y)
    ((drawn, _),) = Bootstrap().split(target)
    assert_array_equal(train, np.sort(np.concatenate([source, target[drawn]])))
    assert len(train) > len(np.unique(train))
    assert_array_equal(test, target[:3])


def test_target_classes_alone_are_enough():
    for train, test in ClassSplitCV(2, target_classes=[0, 1]).split(X, Y):
        assert set(Y[test]) == {0, 1}
        assert set(Y[train]) == set(range(10))


def test_groups_reach_the_wrapped_splitter(make, fashion):
    groups = np.arange(60) % 4
    splitter = ClassSplitCV(GroupKFold(4), pretrain_classes=GTE5)
    for train, test in splitter.split(X, Y, groups):
        in_target = train[Y[train] < 5]
        assert not set(groups[in_target]) & set(groups[test])
    images, y = fashion
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            make(pretrain_classes=GTE5, epochs=1),
            images,
            y,
            cv=ClassSplitCV(GroupKFold(2), pretrain_classes=GTE5),
            params={"groups": np.arange(200) % 2},
            error_score="raise",
        )
    assert len(scores) == 2


def test_representation_and_errors():
    assert repr(ClassSplitCV(3, pretrain_classes=[1])) == (
        "ClassSplitCV(cv=3, pretrain_classes=[1], target_classes=None)"
    )
    assert ClassSplitCV(7, pretrain_classes=[1]).get_n_splits() == 7
    with pytest.raises(ValueError, match="needs y, and pretrain_classes or target_classes"):
        next(ClassSplitCV(3).split(X, Y))
    with pytest.raises(ValueError, match="needs y"):
        next(ClassSplitCV(3, pretrain_classes=GTE5).split(X))
    with pytest.raises(ValueError, match=r"labels that y lacks: \[11\]"):
        next(ClassSplitCV(3, pretrain_classes=[5, 11]).split(X, Y))


def test_a_fold_without_a_target_class_is_an_error(make, fashion):
    y = np.sort(Y)
    splitter = ClassSplitCV(KFold(5), pretrain_classes=GTE5)
    with pytest.raises(ValueError, match=r"no row of the target classes \[0\]. Shuffle or strat"):
        next(splitter.split(X, y))
    images, labels = fashion
    rows = labels != 3
    with pytest.raises(ValueError, match=r"target_classes names labels that y lacks: \[3\]"):
        make(target_classes=range(5)).fit(images[rows], labels[rows])


def test_row_numbers_are_no_cross_validator():
    with pytest.raises(ValueError, match="must be a number of folds or a cross-validator"):
        next(ClassSplitCV([([0], [1])], pretrain_classes=GTE5).split(X, Y))


def test_folds_with_fixed_rows_are_those_of_the_target_task():
    by_row = PredefinedSplit(np.arange(60) % 3)
    with pytest.raises(ValueError, match=r"cv=Predefined.* row 59, but there are 30 rows of the t"):
        next(ClassSplitCV(by_row, pretrain_classes=GTE5).split(X, Y))
    of_target = PredefinedSplit(np.arange(30) % 3)
    folds = list(ClassSplitCV(of_target, pretrain_classes=GTE5).split(X, Y))
    target = np.flatnonzero(Y < 5)
    assert [test.tolist() for _, test in folds] == [target[fold::3].tolist() for fold in range(3)]


@pytest.mark.parametrize(
    ("cv", "error"),
    [(StratifiedKFold(2, shuffle=True), "consistent"), (StratifiedKFold(2), None), (2, None)],
    ids=str,
)
def test_halving_searches_reject_folds_that_change(make, fashion, cv, error):
    clf = make(pretrain_classes=GTE5, pretrain_epochs=0)
    split = ClassSplitCV(cv, pretrain_classes=GTE5)
    params = {"resource": "epochs", "max_resources": 2, "min_resources": 1, "factor": 2}
    search = HalvingGridSearchCV(clf, {"freeze_until": [0, 1]}, cv=split, **params)
    with pytest.raises(ValueError, match=error) if error else nullcontext():
        search.fit(*fashion)
