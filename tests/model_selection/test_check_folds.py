"""check_search finds folds that lack a class, and scorers that would see the source task."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.pipeline import make_pipeline

from skfashion import BackboneFeatures, TransferClassifier
from skfashion.model_selection import ClassSplitCV, check_search, target_scorer

SOURCE = [5, 6, 7, 8, 9]


def search(pretrain_classes=SOURCE, *, grid=None, **options):
    clf = TransferClassifier(pretrain_classes=pretrain_classes, epochs=0, pretrain_epochs=0)
    return GridSearchCV(clf, grid or {"freeze_until": [0, "features"]}, **options)


def drop_rows(X, y, label, n_kept):
    """Keep only the first rows of one class."""
    rows = np.flatnonzero((y != label) | (np.cumsum(y == label) <= n_kept))
    return X[rows], y[rows]


@pytest.mark.parametrize("cv", [None, 3, StratifiedShuffleSplit(2, random_state=0)])
@pytest.mark.parametrize("scoring", [None, "target"])
def test_scores_of_the_target_task_pass_with_any_stratified_folds(cv, scoring, fashion):
    scoring = target_scorer("f1_macro") if scoring else None
    for data in ((), fashion):
        checked = search(cv=cv, scoring=scoring)
        assert check_search(checked, *data) is checked


@pytest.mark.parametrize(
    "cv",
    [
        ClassSplitCV(3, pretrain_classes=SOURCE),
        ClassSplitCV(KFold(2, shuffle=True, random_state=0), target_classes=[0, 1, 2, 3, 4]),
    ],
)
def test_stock_scorers_pass_with_class_split_folds(cv, fashion):
    for scoring in ("accuracy", ["accuracy", "f1_macro"], make_scorer(accuracy_score)):
        check_search(search(cv=cv, scoring=scoring, refit=False), *fashion)


@pytest.mark.parametrize(
    "scoring",
    [
        "accuracy",
        "roc_auc_ovr",
        ["accuracy", "f1_macro"],
        {"score": "f1_macro", "ours": target_scorer("f1_macro")},
        make_scorer(accuracy_score),
    ],
)
@pytest.mark.parametrize("cv", [None, 3, StratifiedShuffleSplit(2, random_state=0)])
@pytest.mark.parametrize("with_data", [True, False])
def test_stock_scorers_with_stock_folds_are_wrong_on_a_class_split(scoring, cv, with_data, fashion):
    with pytest.raises(ValueError, match=r"2 of 2 .*\n.*also scores the test rows") as e:
        check_search(search(cv=cv, scoring=scoring, refit=False), *(fashion if with_data else ()))
    assert "ClassSplitCV(" in str(e.value)
    assert "target_scorer(" in str(e.value)


def test_a_wrong_score_is_what_it_warns_of(fashion):
    """The stock scorer counts every source row as wrong: half of the rows here."""
    X, y = fashion
    options = {"cv": StratifiedKFold(2), "error_score": "raise", "refit": False}
    clf = TransferClassifier(pretrain_classes=SOURCE, epochs=0, pretrain_epochs=0, random_state=0)
    stock, ours = (
        GridSearchCV(clf, {"epochs": [0]}, scoring=scoring, **options).fit(X, y)
        for scoring in ("accuracy", target_scorer("accuracy"))
    )
    scores = [each.cv_results_["mean_test_score"][0] for each in (stock, ours)]
    assert scores[0] == pytest.approx(scores[1] / 2)
    check_search(ours, X, y)
    with pytest.raises(ValueError, match="also scores the test rows"):
        check_search(stock, X, y)


@pytest.mark.parametrize("scoring", [None, "accuracy", lambda clf, X, y: clf.score(X, y)])
def test_without_a_class_split_any_scorer_passes(scoring, fashion):
    check_search(search(None, scoring=scoring), *fashion)


def test_a_function_may_score_the_target_task_itself(fashion):
    check_search(search(scoring=lambda clf, X, y: clf.score(X, y)), *fashion)


def test_only_candidates_with_a_class_split_are_named(fashion):
    grid = {"pretrain_classes": [None, SOURCE]}
    with pytest.raises(ValueError, match=r"1 of 2 .*\n- {'pretrain_classes': \[5, 6"):
        check_search(search(None, grid=grid, scoring="accuracy"), *fashion)


@pytest.mark.parametrize("pretrain_classes", [None, SOURCE])
@pytest.mark.parametrize("label", [0, 9])
@pytest.mark.parametrize("shuffle", [False, True])
def test_fewer_rows_of_a_class_than_stratified_folds(pretrain_classes, label, shuffle, fashion):
    cv = StratifiedKFold(5, shuffle=shuffle, random_state=0 if shuffle else None)
    folds = search(pretrain_classes, cv=cv)
    # Each training fold still has a row of this class.
    check_search(folds, *drop_rows(*fashion, label, n_kept=2))
    with pytest.raises(ValueError, match=rf"lack the classes \[{label}\]"):
        check_search(folds, *drop_rows(*fashion, label, n_kept=1))


def test_classes_of_neither_task_may_have_any_number_of_rows(fashion):
    grid = {"target_classes": [[0, 1, 2]], "freeze_until": [0]}
    check_search(search([8, 9], grid=grid), *drop_rows(*fashion, 5, n_kept=1))


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_search_with_few_rows_of_a_class_works(fashion):
    X, y = drop_rows(*fashion, 0, n_kept=2)
    few = search(None, grid={"epochs": [0]}, error_score="raise")
    assert 0 <= check_search(few, X, y).fit(X, y).best_score_ <= 1


@pytest.mark.parametrize("scoring", ["roc_auc_ovr", target_scorer("neg_log_loss"), ["roc_auc_ovr"]])
def test_scorers_of_probabilities_need_every_class_in_each_test_fold(scoring, fashion):
    few = search(None, cv=5, scoring=scoring, refit=False)
    check_search(few, *fashion)
    with pytest.raises(ValueError, match=r"needs every class .* fold (0 lack \[0\]|2 lack)"):
        check_search(few, *drop_rows(*fashion, 0, n_kept=2))


def test_class_split_folds_do_not_split_the_source_task(fashion):
    cv = ClassSplitCV(5, pretrain_classes=SOURCE)
    check_search(search(cv=cv), *drop_rows(*fashion, 9, n_kept=1))
    check_search(search(cv=cv), *drop_rows(*fashion, 0, n_kept=2))
    with pytest.raises(ValueError, match=r"no row of the target classes \[0\].* needs two rows"):
        check_search(search(cv=cv), *drop_rows(*fashion, 0, n_kept=1))


@pytest.mark.parametrize("pretrain_classes", [None, SOURCE])
def test_training_folds_that_lack_a_class(pretrain_classes, fashion):
    X, y = fashion
    rows = np.argsort(y, kind="stable")
    with pytest.raises(ValueError, match=r"training rows of fold 0 lack the classes \[0, 1\]"):
        check_search(search(pretrain_classes, cv=KFold(5)), X[rows], y[rows])
    with pytest.raises(ValueError, match=r"training fold has no row of the target classes \[0\]"):
        check_search(
            search(pretrain_classes, cv=ClassSplitCV(KFold(5), pretrain_classes=SOURCE)),
            X[rows],
            y[rows],
        )


def test_the_remedy_fits_the_tasks(fashion):
    X, y = drop_rows(*fashion, 3, n_kept=1)
    folds = [(np.flatnonzero(y != 3), np.flatnonzero(y == 3))]
    with pytest.raises(ValueError, match=r"lack the classes \[3\]\. Use stratified folds"):
        check_search(search(None, cv=folds), X, y)
    with pytest.raises(ValueError, match=r"lack the classes \[3\]\. Use cv=ClassSplitCV"):
        check_search(search(cv=folds), X, y)


@pytest.mark.parametrize(
    ("cv_classes", "options", "error"),
    [
        ({"pretrain_classes": [0, 1, 2, 3, 4]}, {}, "no test row of the target task"),
        ({"pretrain_classes": {5, 6}}, {"scoring": "accuracy"}, "also scores the test rows"),
        (
            {"target_classes": [0, 1, 2]},
            {"scoring": target_scorer("neg_log_loss")},
            r"test rows, but those of fold 0 lack \[3, 4\]",
        ),
    ],
)
def test_class_split_folds_of_another_task(cv_classes, options, error, fashion):
    ((parameter, named),) = cv_classes.items()
    remedy = (
        rf"ClassSplitCV has {parameter}=\{[*named]}, but the candidate has "
        r"pretrain_classes=\[5, 6, 7, 8, 9\]\. Name the same classes in both\."
    )
    with pytest.raises(ValueError, match=f"{error}.*{remedy}"):
        check_search(search(cv=ClassSplitCV(2, **cv_classes), **options), *fashion)


@pytest.mark.parametrize("form", [set, pd.Series, pd.Index, pl.Series, np.array])
def test_classes_may_be_sets_and_series(form, fashion):
    source, target = form(SOURCE), form([0, 1])
    for classes in ({}, {"target_classes": [target]}):
        grid = {"pretrain_classes": [source], "freeze_until": [0], **classes}
        for data in ((), fashion):
            check_search(search(None, grid=grid), *data)
        with pytest.raises(ValueError, match="also scores the test rows"):
            check_search(search(None, grid=grid, scoring="accuracy"))
    kept = {"pretrain_classes": [source], "target_classes": [target], "output_layer": ["keep"]}
    with pytest.raises(ValueError, match="source task has 5, the target task 2"):
        check_search(search(None, grid=kept))


def test_test_folds_without_a_target_row(fashion):
    y = fashion[1]
    fold = PredefinedSplit(np.where(y == 9, np.cumsum(y == 9) % 2, 0) - (y != 9))
    with pytest.raises(ValueError, match="fold 0 has no test row of the target task"):
        check_search(search(cv=fold), *fashion)


def test_more_folds_than_rows_of_any_class(fashion):
    with pytest.raises(ValueError, match=r"cv=30: n_splits=30 cannot be greater"):
        check_search(search(cv=30), *fashion)


def test_strings_and_features_in_a_pipeline(fashion):
    X, y = fashion
    names = np.array(list("abcdefghij"))
    clf = make_pipeline(BackboneFeatures(), LogisticRegression())
    probe = GridSearchCV(clf, {"logisticregression__C": [1.0]}, cv=KFold(10))
    rows = np.argsort(y, kind="stable")
    with pytest.raises(ValueError, match=r"lack the classes \['a'\]"):
        check_search(probe, X[rows], names[y[rows]])
    check_search(probe.set_params(cv=3), X, names[y])
    check_search(search(names[SOURCE], scoring=target_scorer("accuracy")), X, names[y])
    with pytest.raises(ValueError, match="also scores the test rows"):
        check_search(search(names[SOURCE], scoring="accuracy"), X, names[y])


def test_folds_that_cannot_be_known_pass(fashion):
    generator = ClassSplitCV(2, pretrain_classes=SOURCE).split(*fashion)
    check_search(search(cv=generator), *fashion)
    assert len(list(generator)) == 2
    check_search(search(cv=GroupKFold(3)), *fashion)
    check_search(search(cv=ClassSplitCV(GroupKFold(3), pretrain_classes=SOURCE)), *fashion)


def test_a_random_splitter_draws_for_the_search_what_it_would_have_drawn(fashion):
    X, y = fashion
    splitters = [ShuffleSplit(2, random_state=np.random.RandomState(0)) for _ in range(2)]
    check_search(search(cv=splitters[0]), X, y)
    drawn = [[test.tolist() for _, test in splitter.split(X)] for splitter in splitters]
    assert drawn[0] == drawn[1]


def test_leaving_out_single_rows_passes(lt5):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_search(search(None, cv=LeaveOneOut()), *lt5)
