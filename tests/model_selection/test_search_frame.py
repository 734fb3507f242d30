"""The results of a search as a table: what each candidate is, costs and scores."""

import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pandas
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skfashion import TransferClassifier, memory_report
from skfashion._backbones.registry import get_backbone
from skfashion._estimators import defaults
from skfashion.model_selection import ClassSplitCV, _candidate_table, _candidates, search_frame
from tests.class_split import GTE5, LT5
from tests.residual import RESIDUAL

CV = ClassSplitCV(2, target_classes=LT5)
ALWAYS = [
    "backbone",
    "freeze_until",
    "freeze_point",
    "cut",
    "depth",
    "n_frozen_params",
    "n_trainable_params",
    "mean_test_score",
    "std_test_score",
    "rank_test_score",
    "mean_fit_time",
    "std_fit_time",
]


@pytest.fixture(scope="module")
def points():
    return [0, None, 1, -1, "conv1", "pool", "auto", "features", "dense"]


@pytest.fixture(scope="module")
def search(make, fashion, points):
    """Return a fitted search with these options; equal ones are fitted once. Not to be changed."""

    @cache
    def search(n_points=None, **options):
        clf = make(target_classes=LT5, epochs=0)
        tasks = [{"pretrain_classes": [GTE5]}, {"pretrain_classes": [None]}]
        grid = [{"freeze_until": points[:n_points], **task} for task in tasks]
        return GridSearchCV(clf, grid, cv=CV, error_score="raise", **options).fit(*fashion)

    return search


def test_freeze_points_and_parameters_are_those_of_fits(search, make, fashion, points):
    frame = search_frame(search())
    assert list(frame.columns) == [*ALWAYS[:5], "pretrain_classes", *ALWAYS[5:]]
    assert frame["freeze_until"].tolist() == points * 2
    assert frame["depth"].tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 3, 0, 0, 1, 1, 1, 2, 0, 2, 3]
    names = {0: None, 1: "conv1", 2: "conv2", 3: "dense"}
    assert frame["cut"].tolist() == [names[depth] for depth in frame["depth"]]
    tasks = frame["pretrain_classes"].map(str)
    assert (
        frame.groupby([frame["cut"], tasks], dropna=False)["mean_test_score"].nunique().max() == 1
    )
    assert frame["pretrain_classes"].tolist() == [tuple(GTE5)] * 9 + [None] * 9
    for _, row in frame.iterrows():
        clf = make(
            freeze_until=row["freeze_until"],
            pretrain_classes=row["pretrain_classes"],
            target_classes=LT5,
            pretrain_epochs=0,
            epochs=0,
        ).fit(*fashion)
        assert clf.freeze_point_ == row["freeze_point"]
        assert clf.n_frozen_params_ == row["n_frozen_params"]
        assert clf.n_trainable_params_ == row["n_trainable_params"]


def test_scores_are_those_of_the_search(search):
    fitted = search()
    frame = search_frame(fitted)
    for name in ALWAYS[7:]:
        assert_array_equal(frame[name], fitted.cv_results_[name])
    numbers = ALWAYS[4:]
    assert all(frame[name].dtype.kind in "if" for name in numbers)
    assert fitted.best_index_ == frame["rank_test_score"].idxmin()


def test_without_refit_parameters_are_counted_for_what_is_passed(search, fashion):
    X, y = fashion
    known = search_frame(search())
    fitted = search(refit=False)
    unknown = search_frame(fitted)
    assert unknown["n_frozen_params"].isna().all()
    assert_array_equal(unknown["depth"], known["depth"])
    assert unknown["freeze_point"].tolist() == known["freeze_point"].tolist()
    for some in (X, X[:1], X[:3].reshape(3, -1)):
        counted = search_frame(fitted, some, y)
        assert_array_equal(counted["n_trainable_params"], known["n_trainable_params"])


def test_in_a_pipeline_names_have_no_prefix(make, fashion):
    pipe = Pipeline([("scale", FunctionTransformer()), ("clf", make(epochs=0))])
    grid = [
        {"clf__freeze_until": [1], "clf__hidden_units": [8, 16], "scale__validate": [False]},
        {"clf__backbone": [RESIDUAL], "clf__freeze_until": [-1]},
    ]
    X, y = fashion
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X.reshape(len(X), -1), y)
    frame = search_frame(search)
    assert list(frame.columns) == [*ALWAYS[:5], "hidden_units", *ALWAYS[5:]]
    assert frame["backbone"].tolist() == ["small_cnn"] * 2 + ["residual"]
    assert frame["freeze_point"].tolist() == ["conv1", "conv1", "norm"]
    assert frame["depth"].tolist() == [1, 1, 2]
    assert frame["hidden_units"].tolist() == [8, 16, "auto"]
    assert frame["n_trainable_params"].tolist()[:2] == [
        9248 + (800 + 1) * units + (units + 1) * 10 for units in (8, 16)
    ]


def test_bodies_that_end_early(make, fashion):
    grid = {"body_until": ["conv1", "conv2"], "freeze_until": ["features"]}
    frame = search_frame(GridSearchCV(make(epochs=0), grid, cv=2).fit(*fashion))
    assert frame["body_until"].tolist() == ["conv1", "conv2"]
    assert frame["depth"].tolist() == [1, 2]
    assert frame["n_frozen_params"].tolist() == [320, 9568]


def set_few_rows(monkeypatch, number):
    """Set the number of rows up to which images are few: folds have 100 here, the refit 200."""
    monkeypatch.setattr(defaults, "FEW_ROWS", number)
    monkeypatch.setattr(_candidates, "FEW_ROWS", number)


@pytest.mark.parametrize(("few_rows", "is_unknown"), [(50, False), (150, True), (10_000, True)])
def test_numbers_are_unknown_where_layers_depend_on_the_rows(
    make, fashion, residual_path, monkeypatch, few_rows, is_unknown
):
    set_few_rows(monkeypatch, few_rows)
    grid = [{"body_until": ["auto"], "hidden_units": ["auto", 8]}, {"head_init": ["random"]}]
    clf = make(backbone=RESIDUAL, weights=residual_path, freeze_until="features", head_init="probe")
    search = GridSearchCV(clf.set_params(epochs=0), grid, cv=2).fit(*fashion)
    frame = search_frame(search)
    assert frame["n_trainable_params"].isna().tolist() == [is_unknown, False, False]
    assert frame["depth"].tolist() == [3, 3, 3]
    best = frame["n_trainable_params"][search.best_index_]
    assert np.isnan(best) or best == search.best_estimator_.n_trainable_params_


@pytest.mark.parametrize(
    ("refit", "few_rows", "expected"),
    [(True, 10_000, "stem"), (True, 150, None), (True, 50, "norm"), (False, 10_000, None)],
)
def test_default_freeze_point_is_that_for_few_or_for_many_images(
    make, fashion, residual_path, monkeypatch, refit, few_rows, expected
):
    set_few_rows(monkeypatch, few_rows)
    backbone = replace(RESIDUAL, default_freeze="norm", few_images_freeze="stem")
    clf = make(backbone=backbone, weights=residual_path, hidden_units=0, body_until=None)
    grid = {"freeze_until": ["auto", "late_norm"]}
    search = GridSearchCV(clf.set_params(head_init="probe", epochs=0), grid, cv=2, refit=refit)
    frame = search_frame(search.fit(*fashion), *fashion)
    assert frame["freeze_point"][1] == "late_norm"
    unknown = ["freeze_point", "cut", "depth", "n_frozen_params", "n_trainable_params"]
    if expected is None:
        assert frame.loc[0, unknown].isna().all()
    else:
        fitted = search.best_estimator_.set_params(freeze_until="auto").fit(*fashion)
        assert frame["freeze_point"][0] == fitted.freeze_point_ == expected
        assert frame["n_frozen_params"][0] == fitted.n_frozen_params_
    assert frame["n_trainable_params"][1:].notna().all()


def resized(fashion):
    """Return images of different sizes, which a fit decodes."""
    X, y = fashion
    return [image[: 10 + number % 4] for number, image in enumerate(X)], y


def test_decoded_images_have_the_shape_of_each_candidate(make, fashion):
    X, y = resized(fashion)
    cnn, resnet = get_backbone("small_cnn"), get_backbone("small_resnet")
    backbones = [
        replace(cnn, name="cnn24", default_size=24),
        replace(cnn, name="cnn16", default_size=16),
        replace(resnet, name="resnet32", default_size=32),
    ]
    grid = [
        {"backbone": backbones},
        {"input_size": [20]},
        {"image_shape": [(12, 10), (12, 10, 3)]},
    ]
    search = GridSearchCV(make(epochs=0, hidden_units=4), grid, cv=2, refit=lambda results: 0)
    search.fit(X, y)
    counts = [
        make(epochs=0, hidden_units=4, **params).fit(X, y).n_trainable_params_
        for params in search.cv_results_["params"]
    ]
    assert search_frame(search, X)["n_trainable_params"].tolist() == counts
    # Without X, images may have been arrays of 24 x 24 pixels. One image has one size.
    for images in (None, [Image.fromarray(X[0])]):
        unsure = search_frame(search, images)["n_trainable_params"]
        assert np.isnan(unsure[1])
        assert unsure.drop(1).tolist() == [*counts[:1], *counts[2:]]


@pytest.mark.parametrize("best", [0, 1, 2])
def test_pillow_images_of_one_size_have_the_shape_of_each_candidate(best, make, fashion):
    X, y = [Image.fromarray(image) for image in fashion[0]], fashion[1]
    cnn = get_backbone("small_cnn")
    backbones = [replace(cnn, name=f"cnn{side}", default_size=side) for side in (20, 12, 10)]
    search = GridSearchCV(make(epochs=0), {"backbone": backbones}, cv=2, refit=lambda _: best)
    search.fit(X, y)
    counts = [
        make(epochs=0, backbone=backbone).fit(X, y).n_trainable_params_ for backbone in backbones
    ]
    assert search_frame(search, X)["n_trainable_params"].tolist() == counts
    unsure = search_frame(search)["n_trainable_params"]
    # Without X, images may have been arrays, which are not resized.
    assert unsure.isna().tolist() == [number != best for number in range(3)]
    assert unsure[best] == counts[best]


def test_flat_rows_fold_into_the_image_shape_of_each_candidate(make, fashion):
    X, y = fashion[0].reshape(len(fashion[0]), -1), fashion[1]
    grid = {"image_shape": [None, (7, 28), (14, 14)]}
    for best in range(3):
        search = GridSearchCV(make(epochs=0), grid, cv=2, refit=lambda results, best=best: best)
        search.fit(X, y)
        counts = [
            make(epochs=0, image_shape=shape).fit(X, y).n_trainable_params_
            for shape in grid["image_shape"]
        ]
        assert search_frame(search, X)["n_trainable_params"].tolist() == counts
        unsure = search_frame(search)["n_trainable_params"]
        assert unsure[1:].tolist() == counts[1:]
        assert unsure.isna().tolist() == [best != 0, False, False]


def test_names_that_two_steps_have_are_kept_whole(make, fashion):
    def scaled(X, by=1):
        return X // by

    steps = [("a", FunctionTransformer(scaled)), ("b", FunctionTransformer(scaled))]
    pipe = Pipeline([*steps, ("clf", make(epochs=0))])
    grid = {"a__kw_args": [{"by": 1}, {"by": 2}], "b__kw_args": [{"by": 1}, {"by": 3}]}
    frame = search_frame(GridSearchCV(pipe, grid, cv=2).fit(*fashion))
    assert frame["a__kw_args"].tolist() == [{"by": 1}] * 2 + [{"by": 2}] * 2
    assert frame["b__kw_args"].tolist() == [{"by": 1}, {"by": 3}] * 2


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores"
)
def test_candidates_that_cannot_be_and_other_classifiers(make, fashion):
    X, y = fashion
    grid = [
        {"clf__freeze_until": ["conv1", "nowhere"]},
        {"clf": [SVC()], "clf__C": [1.0, 2.0]},
    ]
    pipe = Pipeline([("clf", make(epochs=1))])
    search = GridSearchCV(pipe, grid, cv=2).fit(X.reshape(len(X), -1), y)
    frame = search_frame(search, X, y)
    assert frame["backbone"].tolist() == ["small_cnn", "small_cnn", None, None]
    assert frame["freeze_until"].tolist() == ["conv1", "nowhere", None, None]
    assert frame["depth"].isna().tolist() == [False, True, True, True]
    assert np.isnan(frame["mean_test_score"][1])
    assert frame["C"][2:].tolist() == [1.0, 2.0]


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores"
)
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("freeze_until", [1.5, 0, 1]),
        ("input_size", ["a", 16]),
        ("dropout", ["a", 0.1]),
        ("learning_rate", ["a", 0.1]),
        ("augmentation", [["flip", ["crop", "zoom"]], ["flip"], None]),
    ],
)
def test_candidates_with_parameters_of_the_wrong_type(make, lt5, name, values):
    search = GridSearchCV(make(epochs=0), {name: values}, cv=2, refit=False).fit(*lt5)
    frame = search_frame(search, *lt5)
    assert np.isnan(frame["mean_test_score"][0])
    counts = frame[["depth", "n_frozen_params", "n_trainable_params"]]
    assert counts[1:].notna().all(axis=None)
    assert counts[:1].isna().all(axis=None) or name == "augmentation"
    assert frame.groupby(name, dropna=False, sort=False).ngroups == len(values)


def test_dropout_of_a_rate_above_0_ends_a_cut(make, lt5):
    grid = {"freeze_until": ["feature_dropout"], "feature_dropout": [0.0, 0.1, 0.5]}
    frame = search_frame(GridSearchCV(make(epochs=0), grid, cv=2).fit(*lt5))
    assert frame["cut"].tolist() == ["conv2", "feature_dropout", "feature_dropout"]


def test_values_in_lists_keep_their_types():
    values = [[0, "conv1"], [1, 2.5], np.arange(4).reshape(2, 2), range(2), [*np.arange(2)]]
    assert [_candidate_table._to_readable(value) for value in values] == [
        (0, "conv1"),
        (1, 2.5),
        ((0, 1), (2, 3)),
        (0, 1),
        (0, 1),
    ]


def test_a_single_scorer_that_refit_names(make, lt5):
    search = GridSearchCV(make(epochs=0), {"epochs": [0]}, scoring="accuracy", refit="accuracy")
    search.set_params(cv=2).fit(*lt5)
    assert_array_equal(
        search_frame(search)["mean_test_score"], search.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize(("refit", "main"), [("f1_macro", "f1_macro"), (False, "accuracy")])
def test_several_scorers(search, refit, main, fashion):
    fitted = search(n_points=2, scoring=("accuracy", "f1_macro"), refit=refit)
    frame = search_frame(fitted, *fashion)
    assert_array_equal(frame["mean_test_score"], fitted.cv_results_[f"mean_test_{main}"])
    for name in ("accuracy", "f1_macro"):
        assert_array_equal(frame[f"rank_test_{name}"], fitted.cv_results_[f"rank_test_{name}"])


def test_another_scorer_that_is_called_score(make, lt5):
    scoring = {"score": "f1_macro", "acc": "accuracy"}
    search = GridSearchCV(make(epochs=0), {"epochs": [0]}, scoring=scoring, refit="acc", cv=2)
    frame, results = search_frame(search.fit(*lt5)), search.cv_results_
    assert results["mean_test_acc"] != results["mean_test_score"]
    for column in ("mean_test", "std_test", "rank_test"):
        assert_array_equal(frame[f"{column}_score"], results[f"{column}_acc"])


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores"
)
def test_an_invalid_memory_counts_as_none(make, lt5, tmp_path):
    (tmp_path / "file").touch()
    grid = {"memory": [str(tmp_path / "file"), str(tmp_path / "folder")]}
    search = GridSearchCV(make(epochs=0), grid, cv=2, refit=False).fit(*lt5)
    frame = search_frame(search)
    assert frame["mean_test_score"].isna().tolist() == [True, False]
    assert frame.attrs["memory"] == memory_report(tmp_path / "folder")


def test_what_sharing_saved(make, fashion, tmp_path):
    clf = make(pretrain_classes=GTE5, epochs=1, memory=tmp_path)
    grid = {"freeze_until": ["conv1", "features"], "learning_rate": [0.001, 0.01]}
    search = GridSearchCV(clf, grid, cv=ClassSplitCV(2, pretrain_classes=GTE5)).fit(*fashion)
    saved = search_frame(search).attrs["memory"]
    assert saved["pretrainings_computed"] == 1
    assert saved["pretrainings_found"] == 4 * 2
    assert saved["seconds_saved"] > 0
    assert search_frame(search.set_params(estimator__memory=None)).attrs == {}


def test_it_can_be_grouped_and_written(search, tmp_path):
    frame = search_frame(search())
    assert frame.groupby("pretrain_classes", dropna=False, sort=False).ngroups == 2
    frame.to_csv(tmp_path / "frame.csv")
    assert len(pandas.read_csv(tmp_path / "frame.csv")) == len(frame)


def test_errors(make, monkeypatch):
    search = GridSearchCV(make(), {"epochs": [1]})
    with pytest.raises(NotFittedError):
        search_frame(search)
    with pytest.raises(TypeError, match=r"must be a fitted GridSearchCV.* got TransferClassifier"):
        search_frame(make())
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        search_frame(search)


@pytest.mark.parametrize(
    ("backbone", "hidden_units", "expected"),
    [("small_resnet", "auto", 0), ("small_resnet", 8, 8), ("mobilenet_v2", "auto", 128)],
)
def test_heads_are_counted_as_their_backbone_has_them(backbone, hidden_units, expected):
    clf = TransferClassifier(backbone, hidden_units=hidden_units)
    assert _candidates.build_architecture(clf, _candidates.SearchData()).hidden_units == expected
