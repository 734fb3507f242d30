import sys

import numpy as np
import pandas as pd
import pytest
from conftest import GTE5
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skfashion import Backbone, TransferClassifier
from skfashion.inspection import FreezeDepthDisplay, HistoryDisplay, ImageGridDisplay
from skfashion.inspection._freeze_curves import make_curves
from skfashion.model_selection import ClassSplitCV, freeze_points, search_frame, target_scorer


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def texts(panel):
    return [text.get_text() for text in panel.texts]


def legend(panel):
    return [text.get_text() for text in panel.get_legend().get_texts()]


def tick_names(panel):
    return [label.get_text() for label in panel.get_xticklabels()]


# -- What displays have in common --------------------------------------------------------------


@pytest.fixture
def displays(fitted, fashion_test, search):
    """A call for each display, which takes `ax`."""
    return {
        "history": lambda **kw: HistoryDisplay.from_estimator(fitted, **kw),
        "grid": lambda **kw: ImageGridDisplay.from_estimator(fitted, *fashion_test, **kw),
        "depth": lambda **kw: FreezeDepthDisplay.from_search(search, **kw),
    }


DISPLAYS = ["history", "grid", "depth"]


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_figure_of_its_own_or_the_room_that_is_given(displays, name):
    own = displays[name]()
    assert own.figure_ is plt.gcf()
    figure, (left, right) = plt.subplots(1, 2)
    room = left.get_position()
    display = displays[name](ax=left)
    assert display.figure_ is figure
    assert display.axes_.shape == own.axes_.shape
    assert not left.axison
    assert not right.has_data()
    figure.draw_without_rendering()
    for panel in display.axes_.flat:
        x, y = panel.get_position().corners().mean(axis=0)
        assert room.x0 < x < room.x1
        assert room.y0 < y < room.y1
    with pytest.raises(ValueError, match="bounds the panels of another display already"):
        displays[name](ax=left)


@pytest.mark.parametrize("name", DISPLAYS)
def test_panels_that_are_given_are_drawn_in(displays, name):
    shape = displays[name]().axes_.shape
    figure, panels = plt.subplots(int(np.prod(shape)), 1)
    display = displays[name](ax=panels)
    assert display.axes_.ravel().tolist() == panels.tolist()
    assert display.figure_ is figure
    with pytest.raises(ValueError, match=r"as many as there are panels, \d+, got 1\."):
        displays[name](ax=panels[:1])


def test_room_without_a_place_in_a_grid(fitted):
    figure = plt.figure()
    display = HistoryDisplay.from_estimator(fitted, ax=figure.add_axes((0.5, 0.1, 0.4, 0.8)))
    assert all(panel.get_position().x0 >= 0.5 for panel in display.axes_)


@pytest.mark.parametrize("name", DISPLAYS)
def test_without_matplotlib_it_says_what_to_install(displays, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"Display.from_.* requires matplotlib"):
        displays[name]()


@pytest.mark.parametrize(
    "show",
    [
        HistoryDisplay.from_estimator,
        lambda estimator: ImageGridDisplay.from_estimator(estimator, np.ones((2, 64)), [0, 1]),
    ],
)
def test_what_can_be_shown(show):
    with pytest.raises(TypeError, match=r"a fitted TransferClassifier.* got SVC\."):
        show(SVC())
    with pytest.raises(NotFittedError):
        show(make_pipeline(TransferClassifier()))


# -- History -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def watched(fashion, fashion_test):
    return TransferClassifier(
        pretrain_classes=GTE5, pretrain_epochs=2, epochs=3, freeze_until="conv1", random_state=0
    ).fit(*fashion, X_val=fashion_test[0], y_val=fashion_test[1])


def test_history_has_both_phases_on_one_axis(watched):
    display = HistoryDisplay.from_estimator(watched)
    source, target = watched.pretrain_history_, watched.history_
    expected = [
        (epochs, phase[prefix + measure])
        for measure in ("loss", "accuracy")
        for epochs, phase in (([1, 2], source), ([3, 4, 5], target))
        for prefix in ("", "val_")
    ]
    assert len(display.lines_) == len(expected)
    for line, (epochs, values) in zip(display.lines_, expected, strict=True):
        assert_array_equal(line.get_xdata(), epochs)
        assert_array_equal(line.get_ydata(), values)
    loss, accuracy = display.axes_
    assert legend(loss) == ["training", "validation"]
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy")
    assert [line.get_xdata()[0] for line in display.freeze_lines_] == [2.5, 2.5]
    assert texts(loss) == ["source task", "target task, frozen up to conv1"]


def test_history_of_pipelines_searches_and_fits_without_pretraining(make, fashion, lt5):
    pipe = make_pipeline(FunctionTransformer(), make(pretrain_classes=GTE5, epochs=1))
    search = GridSearchCV(
        pipe, {"transferclassifier__freeze_until": [0]}, cv=ClassSplitCV(2, pretrain_classes=GTE5)
    ).fit(*fashion)
    assert (
        texts(HistoryDisplay.from_estimator(search).axes_[0])[-1] == "target task, nothing frozen"
    )
    alone = HistoryDisplay.from_estimator(make(epochs=1).fit(*lt5))
    assert texts(alone.axes_[0]) == ["target task, nothing frozen"]
    assert legend(alone.axes_[0]) == ["training"]


def test_history_style_and_no_history(fitted, make, lt5):
    display = HistoryDisplay.from_estimator(
        fitted, line_kw={"linewidth": 3}, freeze_line_kw={"color": "red"}
    )
    assert {line.get_linewidth() for line in display.lines_} == {3}
    assert display.freeze_lines_[0].get_color() == "red"
    with pytest.raises(ValueError, match="No epoch was run"):
        HistoryDisplay.from_estimator(make(epochs=0).fit(*lt5))


# -- Mistakes ----------------------------------------------------------------------------------


def test_the_most_confident_mistakes_of_the_target_task(fitted, fashion_test):
    X, y = fashion_test
    display = ImageGridDisplay.from_estimator(fitted, X, y, n_images=5)
    X, y = X[y < 5], y[y < 5]
    probabilities = fitted.predict_proba(X)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    worst = wrong[np.argsort(-probabilities.max(axis=1)[wrong], kind="stable")][:5]
    assert_array_equal(display.images, X[worst])
    assert_array_equal(display.y_true, y[worst])
    assert_array_equal(display.y_pred, probabilities.argmax(axis=1)[worst])
    assert_allclose(display.confidence, probabilities.max(axis=1)[worst])
    for image, expected in zip(display.images_, X[worst], strict=True):
        assert_array_equal(image.get_array(), expected)
    assert (
        display.title_.get_text() == f"The 5 most confident of {len(wrong)} mistakes in 50 images"
    )


@pytest.mark.parametrize(
    "change",
    [lambda X: X.reshape(len(X), -1), lambda X: X / 255, lambda X: X[..., None]],
    ids=["flat", "float", "channel"],
)
def test_images_look_the_same_however_they_come(fitted, fashion_test, change):
    X, y = fashion_test
    y_pred, confidence = np.roll(y, 1), np.linspace(0, 1, len(y))
    expected, images = (
        ImageGridDisplay.from_predictions(some, y, y_pred, confidence).images
        for some in (X, change(X))
    )
    assert images.shape == (12, 28, 28)
    assert_allclose(images, expected, atol=1e-4)


def test_grid_of_a_pipeline_shows_images_as_they_came(make, fashion, fashion_test):
    names = np.array(list("abcdefghij"))
    X, y = (part.reshape(len(part), -1) for part in (fashion[0], fashion_test[0]))
    pipe = make_pipeline(FunctionTransformer(np.negative), make(pretrain_classes=list("fghij")))
    pipe.fit(X.astype(float), names[fashion[1]])
    display = ImageGridDisplay.from_estimator(
        pipe, y, names[fashion_test[1]], n_images=1, class_names={"a": "Shirt"}
    )
    assert display.images.shape == (1, 28, 28)
    assert (display.images[0] == fashion_test[0]).all(axis=(1, 2)).any()


def test_colours_and_names():
    X = np.random.default_rng(0).random((4, 6, 9, 3))
    display = ImageGridDisplay.from_predictions(
        X,
        [0, 1, 2, 7],
        [1, 1, 0, 0],
        [0.5, 0.9, 0.9999, 0.6],
        class_names=["cat", "dog"],
        imshow_kw={"interpolation": "nearest"},
        text_kw={"color": "green"},
    )
    black, white = X.min(), X.max()
    assert (black > 0, white < 1) == (True, True)  # floats from 0 to 1 are not stretched
    assert_array_equal(display.images, np.rint(X[[2, 3, 0]] * 255).astype(np.uint8))
    assert [texts(panel) for panel in display.axes_.flat] == [
        ["cat (>99%)", "is 2"],
        ["cat (60%)", "is 7"],
        ["dog (50%)", "is cat"],
    ]
    assert display.axes_[0, 0].texts[0].get_color() == "green"
    assert display.images_[0].get_interpolation() == "nearest"
    assert display.title_.get_text() == "All 3 mistakes in 4 images"


def test_labels_never_seen_are_mistakes(fitted, fashion_test):
    X, y = fashion_test
    y = np.where(y == 0, 10, y)
    display = ImageGridDisplay.from_estimator(fitted, X, y, n_images=50)
    assert np.sum(display.y_true == 10) == 10


def test_no_mistake_is_a_picture_that_says_so(fashion_test):
    X, y = fashion_test
    for images in (X, X / 255):
        display = ImageGridDisplay.from_predictions(images, y, y, np.ones(len(y)))
        assert texts(display.axes_[0, 0]) == ["No mistake in 100 images"]
        assert not display.images_


def test_what_a_grid_cannot_show(fitted, fashion_test):
    X, y = fashion_test
    with pytest.raises(ValueError, match="n_images must be at least 1, got 0"):
        ImageGridDisplay.from_estimator(fitted, X, y, n_images=0)
    with pytest.raises(ValueError, match="No row of y has a label of the target task"):
        ImageGridDisplay.from_estimator(fitted, X[y > 4], y[y > 4])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ImageGridDisplay.from_predictions(X, y, y[:3], np.ones(len(y)))
    with pytest.raises(ValueError, match=r"class_names must be a dict.* label 'b'"):
        ImageGridDisplay.from_predictions(
            X[:2], ["a", "b"], ["b", "a"], [1, 1], class_names=["cat", "dog"]
        )


# -- Freeze depth ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def search(fashion):
    """Two learning rates at each freeze point, three folds."""
    clf = TransferClassifier(pretrain_classes=GTE5, pretrain_epochs=1, epochs=2, random_state=0)
    return GridSearchCV(
        clf,
        {"freeze_until": freeze_points("small_cnn", head=True), "learning_rate": [0.01, 0.001]},
        cv=ClassSplitCV(3, pretrain_classes=GTE5),
    ).fit(*fashion)


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
    for number in range(4):
        x = layers.Conv2D(4, 3, activation="relu", name=f"conv{number}")(x)
    return x


def test_backbones_share_an_axis_of_their_stages(make, lt5):
    unlisted = Backbone("tiny", tiny, tuple(f"conv{number}" for number in range(4)), min_size=16)
    search = GridSearchCV(
        make(epochs=1),
        [
            {"backbone": ["small_cnn"], "freeze_until": ["conv1", "features", "dense"]},
            {"backbone": [unlisted], "freeze_until": [1, "conv1", "features"]},
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
    display = FreezeDepthDisplay.from_search(search)
    (curve,) = display.curves.values()
    frame = search_frame(search)
    last = frame[frame["iter"] == 1].iloc[0]
    assert last["mean_test_score"] in set(curve["mean_test_score"])
    assert len(curve) == 3


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


def test_number_of_folds_splits_the_target_rows(make, fashion):
    clf = make(pretrain_classes=GTE5, epochs=1)
    display = FreezeDepthDisplay.from_estimator(clf, *fashion, freeze_until=[0], cv=2)
    search = GridSearchCV(
        clf, {"freeze_until": [0]}, cv=ClassSplitCV(2, pretrain_classes=GTE5)
    ).fit(*fashion)
    (curve,) = display.curves.values()
    assert_array_equal(curve["mean_test_score"], search.cv_results_["mean_test_score"])
