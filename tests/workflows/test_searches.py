"""Stock searches over where to freeze, checked, run and read; alone and inside a pipeline."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import skfashion._training.checkpoints
from skfashion import Backbone, TransferClassifier, memory_report
from skfashion._backbones.registry import get_backbone
from skfashion.model_selection import ClassSplitCV, check_search, freeze_points, search_frame
from tests.class_split import GTE5, LT5

CV = ClassSplitCV(2, target_classes=LT5)


def fit_and_read(search, X, y):
    check_search(search, X, y).fit(X, y)
    frame = search_frame(search)
    assert np.isfinite(frame["mean_test_score"]).all()
    return frame


def test_grid_over_backbones(make, fashion):
    grids = freeze_points(["small_cnn", "mobilenet_v2"])
    for grid in grids:
        grid["freeze_until"] = grid["freeze_until"][-2:]
    search = GridSearchCV(
        make(target_classes=LT5, epochs=1), grids, cv=CV, error_score="raise", refit=True
    )
    frame = fit_and_read(search, *fashion)
    assert frame["backbone"].tolist() == ["small_cnn"] * 2 + ["mobilenet_v2"] * 2
    n_stages = len(get_backbone("mobilenet_v2").stages)
    assert frame["depth"].tolist() == [1, 2, n_stages - 1, n_stages]


def test_grid_over_source_tasks_and_epochs(make, fashion):
    grid = {
        "pretrain_classes": [GTE5, GTE5[:3], None],
        "freeze_until": [0, "features"],
        "epochs": [1, 2],
    }
    frame = fit_and_read(
        GridSearchCV(make(target_classes=LT5), grid, cv=CV, error_score="raise"), *fashion
    )
    assert set(frame["pretrain_classes"]) == {tuple(GTE5), tuple(GTE5[:3]), None}
    assert set(frame["epochs"]) == {1, 2}
    assert frame["n_trainable_params"].nunique() == 2


def test_randomized_search_in_a_pipeline(make, fashion):
    pipe = Pipeline(
        [("same", FunctionTransformer()), ("clf", make(pretrain_classes=GTE5, target_classes=LT5))]
    )
    space = {
        "clf__freeze_until": freeze_points("small_cnn"),
        "clf__learning_rate": loguniform(1e-4, 1e-2),
    }
    search = RandomizedSearchCV(pipe, space, n_iter=3, cv=CV, random_state=0, error_score="raise")
    X, y = fashion
    frame = fit_and_read(search, X.reshape(len(X), -1), y)
    assert_array_equal(
        frame["learning_rate"],
        [each["clf__learning_rate"] for each in search.cv_results_["params"]],
    )


@pytest.mark.parametrize(
    ("kind", "in_pipeline"),
    [
        (HalvingGridSearchCV, False),
        (HalvingRandomSearchCV, True),
        pytest.param(HalvingGridSearchCV, True, marks=pytest.mark.slow),
        pytest.param(HalvingRandomSearchCV, False, marks=pytest.mark.slow),
    ],
)
def test_halving_goes_on_where_candidates_stopped(
    make, fashion, tmp_path, monkeypatch, kind, in_pipeline
):
    monkeypatch.setattr(skfashion._training.checkpoints, "SECONDS_PER_BYTE", 0)
    prefix = "clf__" if in_pipeline else ""

    def search(memory):
        clf = make(pretrain_classes=GTE5, memory=memory)
        return kind(
            Pipeline([("clf", clf)]) if in_pipeline else clf,
            {f"{prefix}freeze_until": [0, "features"], f"{prefix}learning_rate": [1e-3, 1e-2]},
            resource=f"{prefix}epochs",
            max_resources=4,
            min_resources=1,
            factor=2,
            cv=ClassSplitCV(2, pretrain_classes=GTE5),
            random_state=0,
            error_score="raise",
            **({"n_candidates": 4} if kind is HalvingRandomSearchCV else {}),
        )

    plain, shared = search(None), search(tmp_path)
    frames = [fit_and_read(each, *fashion) for each in (plain, shared)]
    scores = [name for name in plain.cv_results_ if "test_score" in name or "train_score" in name]
    assert len(scores) > 6
    for name in scores:
        assert_array_equal(plain.cv_results_[name], shared.cv_results_[name])
    assert plain.best_params_ == shared.best_params_
    assert shared.n_candidates_ == [4, 2, 1]
    assert frames[1]["iter"].tolist() == [0] * 4 + [1] * 2 + [2]
    assert frames[1]["epochs"].tolist() == [1] * 4 + [2] * 2 + [4]
    # Pretraining once for 2 folds x (4 + 2 + 1) candidates and the refit, an epoch each. And of
    # fine-tuning, those promoted ran an epoch less, and two less, in both folds.
    report = memory_report(tmp_path)
    assert report["pretrainings_computed"] == 1
    assert report["epochs_found"] == 14 + 2 * (2 * 1 + 1 * 2)
    assert frames[1].attrs["memory"] == report


def deep(images):
    """Each stage takes longer to compute than its output takes to read."""
    from keras import layers

    x = layers.Conv2D(16, 3, activation="relu", name="entry")(images)
    for stage in ("first", "second", "third"):
        x = layers.Conv2D(16, 3, activation="relu", name=stage)(x)
    return x


DEEP = Backbone("deep", build=deep, stages=("first", "second", "third"), min_size=12)


def test_grids_by_point_need_room_for_one_freeze_point(make, fashion, tmp_path):
    """A limit holds the features of one freeze point. Those of the last one used are kept."""
    X, y = fashion
    # A seed that is drawn anew for each fit would share nothing.
    make(backbone=DEEP, epochs=0).fit(X, y).save_backbone_weights(tmp_path / "deep.weights.h5")
    classifier = TransferClassifier(
        DEEP, weights=tmp_path / "deep.weights.h5", batch_size=32, pixel_range=(0, 255)
    )
    grids = freeze_points(DEEP, by_point=True, epochs=[1, 2])[1:3]
    points = [point for grid in grids for point in grid["freeze_until"]]
    mixed = [{"freeze_until": points, "epochs": [epochs]} for epochs in (1, 2)]

    def count_rows(name, grids, limit):
        folder = str(tmp_path / name)
        estimator = clone(classifier).set_params(memory=folder, memory_limit=limit)
        GridSearchCV(estimator, grids, cv=2, refit=False, error_score="raise").fit(X, y)
        report = memory_report(folder)
        return report["rows_computed"], report["bytes"]

    rows, size = count_rows("unbounded", mixed, None)
    assert rows == len(X) * len(points)
    limit = int(0.9 * size)
    assert count_rows("by point", grids, limit)[0] == rows
    assert count_rows("mixed", mixed, limit)[0] > rows


def test_a_search_of_yesterday_is_found(make, fashion, tmp_path, monkeypatch):
    monkeypatch.setattr(skfashion._training.checkpoints, "SECONDS_PER_BYTE", 0)
    grid = {"freeze_until": [0, "features"], "epochs": [1, 3]}
    searches = [
        GridSearchCV(make(memory=tmp_path), grid, cv=2, error_score="raise").fit(*fashion)
        for _ in range(2)
    ]
    assert_array_equal(*(search.cv_results_["mean_test_score"] for search in searches))
    # First the third of three epochs, in both folds; then all, and those of the refit.
    best = searches[0].best_params_["epochs"]
    assert memory_report(tmp_path)["epochs_found"] == 4 * 1 + 4 * (1 + 3) + best


@pytest.mark.filterwarnings("ignore:.*experimental.*")
def test_one_bar_for_a_whole_search(make, fashion, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    search = GridSearchCV(make(), {"freeze_until": [0, 2], "epochs": [1, 4]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=0)).fit(*fashion)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out)
    assert "TransferClassifier" not in shown
    # How soon it shows the time left depends on how fast the machine is.
    percents = re.findall(r"GridSearchCV - search #0 \S+\s+(\d+)% [\d:-]+", shown)
    assert percents[-1] == "100"
