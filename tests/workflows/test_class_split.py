"""Real scikit-learn workflows on a class split, on 3-D and on flat images."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skfashion.model_selection import ClassSplitCV, target_scorer
from tests.class_split import GTE5

NAMES = np.array(list("abcdefghij"))
LABELS = {"int": np.arange(10), "str": NAMES}


@pytest.fixture(params=LABELS)
def task(request, fashion):
    """Images, labels, source and target classes; integer and string labels."""
    return task_of(request.param, *fashion)


def task_of(labels, X, y):
    names = LABELS[labels]
    return X, names[y], names[5:].tolist(), names[:5].tolist()


@pytest.fixture(
    params=[
        "images-int",
        "flat-str",
        pytest.param("images-str", marks=pytest.mark.slow),
        pytest.param("flat-int", marks=pytest.mark.slow),
    ]
)
def shaped(request, fashion):
    """The same, of images and of flat rows."""
    shape, labels = request.param.split("-")
    X, *rest = task_of(labels, *fashion)
    return (X if shape == "images" else X.reshape(len(X), -1), *rest)


def halve(X):
    return X / 2


def scores_of(clf, X, y):
    """Return scikit-learn's metrics of a classifier, by the names of their scorers."""
    predicted, probabilities = clf.predict(X), clf.predict_proba(X)
    return {
        "accuracy": accuracy_score(y, predicted),
        "balanced_accuracy": balanced_accuracy_score(y, predicted),
        "f1_macro": f1_score(y, predicted, average="macro"),
        "neg_log_loss": -log_loss(y, probabilities),
        "roc_auc_ovr": roc_auc_score(y, probabilities, multi_class="ovr"),
    }


def test_pipeline_with_function_transformer(make, shaped):
    X, y, source, target = shaped
    pipe = make_pipeline(FunctionTransformer(halve), make(pretrain_classes=source))
    pipe.fit(X, y)
    assert_array_equal(pipe.classes_, target)
    expected = make(pretrain_classes=source).fit(halve(X), y)
    assert_array_equal(pipe.predict_proba(X), expected.predict_proba(halve(X)))
    in_target = np.isin(y, target)
    assert pipe.score(X, y) == pipe.score(X[in_target], y[in_target])


def test_pipeline_with_standard_scaler(make, task):
    X, y, source, _ = task
    flat = X.reshape(len(X), -1).astype(float)
    pipe = make_pipeline(StandardScaler(), make(pretrain_classes=source)).fit(flat, y)
    low, high = pipe[-1].pixel_range_
    assert low < 0 < high < 255
    scaled = StandardScaler().fit_transform(flat)
    expected = make(pretrain_classes=source).fit(scaled, y)
    assert_array_equal(pipe.predict_proba(flat), expected.predict_proba(scaled))


def test_grid_search_through_a_pipeline(make, shaped):
    X, y, source, target = shaped
    pipe = Pipeline([("half", FunctionTransformer(halve)), ("clf", make(target_classes=target))])
    grid = {
        "clf__freeze_until": ["conv1", "features"],
        "clf__pretrain_classes": [source, source[:3]],
        "clf__epochs": [1, 2],
    }
    cv = ClassSplitCV(2, target_classes=target)
    search = GridSearchCV(pipe, grid, cv=cv, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores.shape == (8,)
    assert len(set(scores.tolist())) > 1
    best = {name.removeprefix("clf__"): value for name, value in search.best_params_.items()}
    expected = make(target_classes=target, **best).fit(halve(X), y)
    assert_array_equal(search.predict_proba(X), expected.predict_proba(halve(X)))
    assert search.score(X, y) == expected.score(halve(X), y)


def test_default_score_agrees_with_stock_scorers_on_target_rows(make, task):
    X, y, source, _ = task
    clf = make(pretrain_classes=source)
    cv = ClassSplitCV(2, pretrain_classes=source)
    own = cross_val_score(clf, X, y, cv=cv)
    stock = cross_val_score(clf, X, y, cv=cv, scoring="accuracy")
    assert_array_equal(own, stock)


def test_cross_validate_with_stock_scorers(make, task):
    X, y, source, _ = task
    scoring = ["accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr", "balanced_accuracy"]
    results = cross_validate(
        make(pretrain_classes=source),
        X,
        y,
        cv=ClassSplitCV(StratifiedKFold(2, shuffle=True, random_state=0), pretrain_classes=source),
        scoring=scoring,
        error_score="raise",
        return_estimator=True,
        return_indices=True,
    )
    for fold, clf in enumerate(results["estimator"]):
        rows = results["indices"]["test"][fold]
        expected = scores_of(clf, X[rows], y[rows])
        for name in scoring:
            assert results[f"test_{name}"][fold] == pytest.approx(expected[name]), name
    for train in results["indices"]["train"]:
        assert_array_equal(train, np.sort(train))


def test_cross_validate_with_target_scorers(make, task):
    X, y, source, target = task
    names = ["accuracy", "f1_macro", "roc_auc_ovr"]
    results = cross_validate(
        make(pretrain_classes=source),
        X,
        y,
        cv=StratifiedKFold(2),
        scoring={name: target_scorer(name) for name in names}
        | {"default": target_scorer("accuracy")},
        error_score="raise",
        return_estimator=True,
        return_indices=True,
    )
    for fold, clf in enumerate(results["estimator"]):
        test = results["indices"]["test"][fold]
        rows = test[np.isin(y[test], target)]
        expected = scores_of(clf, X[rows], y[rows])
        for name in names:
            assert results[f"test_{name}"][fold] == pytest.approx(expected[name]), name
        assert results["test_default"][fold] == results["test_accuracy"][fold]


def test_learning_curve(make, shaped):
    X, y, source, _ = shaped
    clf = make(pretrain_classes=source)
    cv = ClassSplitCV(StratifiedShuffleSplit(2, random_state=0), pretrain_classes=source)
    sizes, train, test = learning_curve(
        clf, X, y, cv=cv, train_sizes=[0.6, 1.0], error_score="raise"
    )
    assert sizes[0] < sizes[1] == 190
    whole = cross_validate(clf, X, y, cv=cv, return_train_score=True)
    assert_array_equal(train[1], whole["train_score"])
    assert_array_equal(test[1], whole["test_score"])


@pytest.mark.parametrize("params", [{}, {"target_classes": [0, 1, 2, 3, 4]}], ids=str)
def test_an_incremental_learning_curve_is_an_error(make, fashion, params):
    """It passes the labels of both tasks as those of the target task."""
    message = r"classes(=.* differ\.| names labels of pretrain_classes)"
    with pytest.raises(ValueError, match=message):
        learning_curve(
            make(pretrain_classes=GTE5, **params),
            *fashion,
            cv=ClassSplitCV(2, pretrain_classes=GTE5),
            train_sizes=[1.0],
            exploit_incremental_learning=True,
        )


def test_halving_grid_search_over_epochs(make, task):
    X, y, source, _ = task
    search = HalvingGridSearchCV(
        make(pretrain_classes=source),
        {"freeze_until": [0, "features"], "learning_rate": [1e-3, 1e-2]},
        resource="epochs",
        max_resources=4,
        min_resources=1,
        factor=2,
        cv=ClassSplitCV(2, pretrain_classes=source),
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert search.n_resources_ == [1, 2, 4]
    assert search.best_estimator_.n_iter_ == 4


def test_metadata_routing_of_sample_weight(make, fashion):
    X, y = fashion
    weight = np.where(y == 3, 0.0, np.linspace(0.1, 2, len(y)))
    with config_context(enable_metadata_routing=True):
        clf = make(pretrain_classes=GTE5).set_fit_request(sample_weight=True)
        pipe = make_pipeline(FunctionTransformer(halve), clf)
        pipe.fit(X, y, sample_weight=weight)
        assert_array_equal(pipe.classes_, [0, 1, 2, 4])
        clf.set_score_request(sample_weight=True)
        scorer = target_scorer("accuracy").set_score_request(sample_weight=True)
        for scoring in (None, scorer, {"target": scorer}):
            results = cross_validate(
                clf,
                X,
                y,
                cv=ClassSplitCV(2, pretrain_classes=GTE5),
                scoring=scoring,
                params={"sample_weight": weight},
                return_estimator=True,
                return_indices=True,
                error_score="raise",
            )
            key = "test_target" if isinstance(scoring, dict) else "test_score"
            for fold, fitted in enumerate(results["estimator"]):
                assert_array_equal(fitted.classes_, [0, 1, 2, 4])
                test = results["indices"]["test"][fold]
                weighted = fitted.score(X[test], y[test], sample_weight=weight[test])
                assert results[key][fold] == pytest.approx(weighted)
                assert weighted != pytest.approx(fitted.score(X[test], y[test]))


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_search_inside_a_pipeline_step_and_nested_searches(make, fashion, in_pipeline):
    X, y = fashion
    inner = GridSearchCV(
        make(pretrain_classes=GTE5),
        {"freeze_until": ["conv1", "features"]},
        cv=ClassSplitCV(2, pretrain_classes=GTE5),
        scoring=target_scorer("f1_macro"),
    )
    results = cross_validate(
        make_pipeline(FunctionTransformer(halve), inner) if in_pipeline else inner,
        X,
        y,
        cv=ClassSplitCV(2, pretrain_classes=GTE5),
        error_score="raise",
        return_estimator=True,
        return_indices=True,
    )
    for fold, search in enumerate(results["estimator"]):
        rows = results["indices"]["test"][fold]
        expected = scores_of(search, X[rows], y[rows])
        assert results["test_score"][fold] == pytest.approx(expected["f1_macro"])
