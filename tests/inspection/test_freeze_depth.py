"""FreezeDepthDisplay."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skfashion import Backbone
from skfashion.inspection import FreezeDepthDisplay, FreezeRankingDisplay
from skfashion.inspection._freeze_curves import make_curves
from skfashion.model_selection import ClassSplitCV, search_frame, target_scorer
from tests.class_split import GTE5
from tests.inspection.panels import legend, tick_names


@pytest.mark.parametrize("over", ["best", "mean"])
def test_scores_spread_and_costs_of_a_search(search, over):
    display = FreezeDepthDisplay.from_search(search, over=over)
    frame = search_frame(search)
    by_point = frame.groupby("depth")
    if over == "best":
        expected = frame.loc[by_point["mean_test_score"].idxmax()]
    else:
        expected = by_point.mean(numeric_only=True)
    (line,), (bars,) = display.lines_, display.errorbars_
    assert_array_equal(line.get_xdata(), [0, 1, 2, 3])
    assert_allclose(line.get_ydata(), expected["mean_test_score"])
    ends = np.array([segment[:, 1] for segment in bars[2][0].get_segments()])
    assert_allclose(ends[:, 1] - ends[:, 0], 2 * expected["std_test_score"])
    costs = {"seconds": "mean_fit_time", "parameters": "n_trainable_params"}
    for cost, column in costs.items():
        assert_allclose(display.cost_lines_[cost][0].get_ydata(), expected[column])
    assert display.axes_[2].get_yscale() == "log"
    assert tick_names(display.axes_[-1]) == ["nothing", "conv1", "features", "dense"]
    assert display.ax_.get_ylabel() == "accuracy, 3 folds"
    best = expected["mean_test_score"].max()
    assert display.best_.get_ydata()[0] == pytest.approx(best)
    assert legend(display.ax_)[0] == "small_cnn"
    assert f"best: {best:.3f}, " in legend(display.ax_)[1]


def test_curves_by_another_parameter(search):
    display = FreezeDepthDisplay.from_search(search, by="learning_rate")
    assert list(display.curves) == ["learning_rate=0.01", "learning_rate=0.001"]
    first, second = display.lines_
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()
    assert (first.get_xdata() < second.get_xdata()).all()  # no bar hides another
    with pytest.raises(ValueError, match=r"by='rate' must name parameters that vary"):
        FreezeDepthDisplay.from_search(search, by="rate")


def test_style_of_depth(search):
    display = FreezeDepthDisplay.from_search(
        search,
        costs=["parameters"],
        std_display_style="fill_between",
        line_kw={"linestyle": "--"},
        fill_between_kw={"alpha": 0.7},
    )
    assert (len(display.axes_), display.errorbars_) == (2, None)
    assert display.lines_[0].get_linestyle() == "--"
    assert display.fill_between_[0].get_alpha() == 0.7
    figure, ax = plt.subplots()
    alone = display.plot(ax, costs=(), std_display_style=None)
    assert alone.ax_ is ax
    assert ax.axison
    assert alone.figure_ is figure
    assert (alone.errorbars_, alone.fill_between_) == (None, None)
    for name, value in {"costs": ["bytes"], "std_display_style": "bars"}.items():
        with pytest.raises(ValueError, match=f"{name}=.* is not one of"):
            display.plot(**{name: value})
    with pytest.raises(ValueError, match="over='worst' is not one of"):
        FreezeDepthDisplay.from_search(search, over="worst")


def test_one_curve_for_each_source_task(make, fashion):
    splits = [[5, 6, 7], [5, 9]]
    search = GridSearchCV(
        make(target_classes=[0, 1, 2], epochs=1),
        {"pretrain_classes": splits, "freeze_until": [0, "conv1", "features"]},
        cv=ClassSplitCV(2, target_classes=[0, 1, 2]),
        scoring="neg_log_loss",
    ).fit(*fashion)
    display = FreezeDepthDisplay.from_search(search)
    assert list(display.curves) == ["pretrained on 5\N{EN DASH}7", "pretrained on 5, 9"]
    assert display.ax_.get_ylabel() == "negative log loss, 2 folds"


@pytest.mark.parametrize("form", [set, np.array, pd.Index, pd.Series, pd.Categorical, pl.Series])
def test_source_tasks_of_any_type(make, fashion, form):
    grid = {"pretrain_classes": [form([5, 6, 7]), form([5, 9])], "freeze_until": [0, "features"]}
    clf = make(target_classes=[0, 1, 2], epochs=0, pretrain_epochs=0)
    search = GridSearchCV(clf, grid, cv=ClassSplitCV(2, target_classes=[0, 1, 2])).fit(*fashion)
    display = FreezeDepthDisplay.from_search(search)
    assert list(display.curves) == ["pretrained on 5\N{EN DASH}7", "pretrained on 5, 9"]
    assert search_frame(search)["pretrain_classes"].tolist() == [(5, 6, 7), (5, 9)] * 2


@pytest.mark.parametrize(
    ("scoring", "refit", "name"),
    [
        ("f1_macro", "accuracy", "f1 macro"),
        ({"score": "f1_macro", "acc": "accuracy"}, "acc", "acc"),
        (["neg_log_loss", "accuracy"], False, "negative log loss"),
        (target_scorer("f1_macro"), True, "f1 macro"),
        (None, True, "accuracy"),
    ],
)
def test_scores_have_the_name_of_the_main_scorer(make, lt5, scoring, refit, name):
    options = {"scoring": scoring, "refit": refit, "cv": 2}
    search = GridSearchCV(make(epochs=0), {"freeze_until": [0, 1]}, **options).fit(*lt5)
    display = FreezeDepthDisplay.from_search(search)
    assert display.ax_.get_ylabel() == f"{name}, 2 folds"
    (curve,) = display.curves.values()
    assert_array_equal(curve["mean_test_score"], search_frame(search)["mean_test_score"])


def test_without_pandas_a_display_says_what_to_install(make, lt5, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    for display in (FreezeDepthDisplay, FreezeRankingDisplay):
        with pytest.raises(ImportError, match=r"from_estimator requires pandas.* `pip install"):
            display.from_estimator(make(), *lt5)


def test_curves_of_many_classes_have_short_names_unless_these_are_equal():
    splits = [None, tuple("abcdefgh"), tuple("abcdefgi")]
    frame = pd.DataFrame({"pretrain_classes": pd.Series(splits, dtype=object), "place": 0})
    frame = frame.assign(freeze_point="nothing", mean_test_score=0.5, std_test_score=0.1)
    frame = frame.assign(mean_fit_time=1.0, n_trainable_params=9)
    assert list(make_curves(frame[:2], None, "best")) == [
        "not pretrained",
        "pretrained on a, b, c, d, e, f, …",
    ]
    assert list(make_curves(frame[1:], None, "best")) == [
        "pretrained on a, b, c, d, e, f, g, h",
        "pretrained on a, b, c, d, e, f, g, i",
    ]


def tiny(images):
    from keras import layers

    x = layers.Rescaling(1 / 255, name="rescale")(images)
    for number in range(8, 12):
        x = layers.Conv2D(4, 3, activation="relu", name=f"conv{number}")(x)
    return x


def test_backbones_share_an_axis_of_their_stages(make, lt5):
    stages = tuple(f"conv{number}" for number in range(8, 12))
    unlisted = Backbone("tiny", tiny, stages, min_size=16)
    search = GridSearchCV(
        make(epochs=1),
        [
            {"backbone": ["small_cnn"], "freeze_until": ["conv1", "features", "dense"]},
            {"backbone": [unlisted], "freeze_until": [1, "conv9", "features"]},
        ],
        cv=StratifiedShuffleSplit(1, test_size=20, random_state=0),
        refit=False,
    ).fit(*lt5)
    display = FreezeDepthDisplay.from_search(search)
    assert_allclose(display.curves["small_cnn"]["place"], [0.5, 1, 1.15])
    assert_allclose(display.curves["tiny"]["place"], [0.25, 0.5, 1])
    assert display.place_names[1.15] == "dense"
    assert tick_names(display.axes_[-1])[::4] == ["nothing", "body"]
    assert display.ax_.get_ylabel() == "accuracy, 1 fold"
    assert display.errorbars_ == []  # one fold has no spread
    assert list(display.cost_lines_) == ["seconds"]  # without refit nobody knows the parameters
    counted = FreezeDepthDisplay.from_search(search, *lt5)
    assert list(counted.cost_lines_) == ["seconds", "parameters"]


def test_layers_between_stages_have_places_of_their_own(make, lt5):
    search = GridSearchCV(
        make(epochs=1), {"freeze_until": ["rescale", 0, "conv2", "features"]}, cv=2
    )
    display = FreezeDepthDisplay.from_search(search.fit(*lt5))
    assert list(display.place_names.values()) == ["nothing", "rescale", "features"]


def test_layers_between_stages_are_in_the_order_of_the_network(make, lt5):
    backbone = Backbone("tiny", tiny, ("conv8", "conv11"), min_size=16)
    points = ["conv10", "features", "conv9", "conv8", 0]
    grid = {"freeze_until": points, "input_size": [None, 20]}
    search = GridSearchCV(make(backbone=backbone, epochs=0), grid, cv=2, refit=False)
    display = FreezeDepthDisplay.from_search(search.fit(*lt5), by="input_size")
    expected = ["nothing", "conv8", "conv9", "conv10", "features"]
    assert list(display.place_names.values()) == expected
    for curve in display.curves.values():
        assert curve["freeze_point"].tolist() == expected


@pytest.mark.parametrize("spare", [[], ["nowhere"]], ids=["whole depths", "an unknown depth"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more")
def test_the_end_of_a_shorter_body_is_at_its_last_stage(make, lt5, spare):
    grid = {"body_until": ["conv1", None], "freeze_until": [0, "features", *spare]}
    search = GridSearchCV(make(epochs=0), grid, cv=2, refit=False).fit(*lt5)
    display = FreezeDepthDisplay.from_search(search, by="body_until")
    assert display.place_names == {0: "nothing", 1: "conv1", 2: "features"}
    points = {name: curve["freeze_point"].tolist() for name, curve in display.curves.items()}
    assert points == {
        "body_until=conv1": ["nothing", "conv1"],
        "body_until=None": ["nothing", "features"],
    }


def test_ends_of_shorter_bodies_are_shares_of_the_longest(make, lt5):
    backbone = Backbone("tiny", tiny, ("conv8", "conv9", "conv10", "conv11"), min_size=16)
    grid = [
        {"backbone": [backbone], "body_until": [2, None], "freeze_until": ["features"]},
        {"freeze_until": ["conv1"]},
    ]
    search = GridSearchCV(make(epochs=0), grid, cv=2, refit=False).fit(*lt5)
    curves = FreezeDepthDisplay.from_search(search).curves
    assert curves["tiny"]["place"].tolist() == [0.5, 1]
    assert curves["small_cnn"]["place"].tolist() == [0.5]


def test_a_halving_search_shows_what_got_furthest(make, lt5):
    search = HalvingGridSearchCV(
        make(),
        {"freeze_until": [0, "conv1", "features"]},
        resource="epochs",
        min_resources=1,
        max_resources=3,
        factor=3,
        cv=2,
        random_state=0,
    ).fit(*lt5)
    # Fewer epochs may score higher by chance.
    is_last = search.cv_results_["iter"] == 1
    search.cv_results_["mean_test_score"] = np.where(is_last, 0.5, [0.9, 0.7, 0.8, 0.0])
    (survivor,) = search_frame(search)["depth"][is_last]
    display = FreezeDepthDisplay.from_search(search)
    (curve,) = display.curves.values()
    expected = np.array([0.9, 0.7, 0.8])
    expected[survivor] = 0.5
    assert_array_equal(curve["mean_test_score"], expected)


def test_candidates_that_failed_are_left_out(make, lt5):
    def fit(points):
        search = GridSearchCV(make(epochs=1), {"freeze_until": points}, cv=2, refit=False)
        return search.fit(*lt5)

    with pytest.warns(Warning, match=r"fits failed|non-finite"):
        search = fit(["conv1", "conv7"])
    display = FreezeDepthDisplay.from_search(search)
    assert list(display.place_names.values()) == ["conv1"]
    search.cv_results_["mean_test_score"][:] = np.nan
    with pytest.raises(ValueError, match="No candidate of the search has a score"):
        FreezeDepthDisplay.from_search(search)


def test_from_estimator_tries_all_freeze_points(make, fashion):
    pipe = make_pipeline(FunctionTransformer(), make(pretrain_classes=GTE5, epochs=1))
    display = FreezeDepthDisplay.from_estimator(
        pipe, *fashion, cv=2, scoring=target_scorer("f1_macro")
    )
    assert tick_names(display.axes_[-1]) == ["nothing", "conv1", "features"]
    assert display.ax_.get_ylabel() == "f1 macro, 2 folds"
    assert not hasattr(pipe[-1], "classes_")
    with pytest.raises(TypeError, match=r"must be a TransferClassifier.* got SVC"):
        FreezeDepthDisplay.from_estimator(SVC(), *fashion)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"costs": ["bytes"]}, "costs='bytes' is not one of"),
        ({"costs": "seconds"}, r"must be a sequence of names, got 'seconds'\. Pass \['seconds'\]"),
        ({"std_display_style": "bars"}, "std_display_style='bars' is not one of"),
    ],
)
def test_unknown_options_are_an_error_before_any_fit(make, fashion, option, message):
    # The fits would fail.
    with pytest.raises(ValueError, match=message):
        FreezeDepthDisplay.from_estimator(make(epochs=-1), *fashion, **option)


def test_number_of_folds_splits_the_target_rows(make, fashion):
    clf = make(pretrain_classes=GTE5, epochs=1)
    display = FreezeDepthDisplay.from_estimator(clf, *fashion, freeze_until=[0], cv=2)
    search = GridSearchCV(
        clf, {"freeze_until": [0]}, cv=ClassSplitCV(2, pretrain_classes=GTE5)
    ).fit(*fashion)
    ((name, curve),) = display.curves.items()
    assert name == "small_cnn"
    assert_array_equal(curve["mean_test_score"], search.cv_results_["mean_test_score"])
    _, ax = plt.subplots()
    assert legend(display.plot(ax=ax).ax_)[0] == "small_cnn"


@pytest.mark.parametrize(
    ("backbone", "body_until"), [("small_cnn", "conv1"), ("small_resnet", 1), ("small_cnn", "auto")]
)
def test_from_estimator_ends_at_the_end_of_the_body(make, lt5, backbone, body_until):
    clf = make(backbone=backbone, body_until=body_until, epochs=0)
    display = FreezeDepthDisplay.from_estimator(clf, *lt5, cv=2)
    between = ["conv1"] if body_until == "auto" else []
    assert list(display.place_names.values()) == ["nothing", *between, "features"]
