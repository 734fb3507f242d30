"""What the displays have in common."""

import sys
from functools import partial

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skfashion import TransferClassifier
from skfashion.inspection import (
    FreezeDepthDisplay,
    FreezeRankingDisplay,
    GradCAMDisplay,
    HistoryDisplay,
    ImageGridDisplay,
)


@pytest.fixture(scope="session")
def ranking(make, lt5):
    return partial(FreezeRankingDisplay.from_estimator, make(), *lt5)


@pytest.fixture
def displays(fitted, fashion_test, search, ranking):
    """A call for each display, which takes `ax`."""
    return {
        "ranking": ranking,
        "history": lambda **kw: HistoryDisplay.from_estimator(fitted, **kw),
        "grid": lambda **kw: ImageGridDisplay.from_estimator(fitted, *fashion_test, **kw),
        "map": lambda **kw: GradCAMDisplay.from_estimator(fitted, *fashion_test, **kw),
        "depth": lambda **kw: FreezeDepthDisplay.from_search(search, **kw),
    }


DISPLAYS = ["history", "grid", "map", "depth", "ranking"]


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_figure_of_its_own_or_the_room_that_is_given(displays, name):
    own = displays[name]()
    assert own.figure_ is plt.gcf()
    figure, (left, right) = plt.subplots(1, 2)
    room = left.get_position()
    display = displays[name](ax=left)
    assert display.figure_ is figure
    if name in ("grid", "map"):  # as many columns as give the largest images
        assert display.axes_.size == own.axes_.size
    else:
        assert display.axes_.shape == own.axes_.shape
    assert not left.axison
    assert not right.has_data()
    figure.draw_without_rendering()
    for panel in display.axes_.flat:
        x, y = panel.get_position().corners().mean(axis=0)
        assert room.x0 < x < room.x1
        assert room.y0 < y < room.y1
    with pytest.raises(ValueError, match="must not hold the panels of another display"):
        displays[name](ax=left)


@pytest.mark.parametrize("name", DISPLAYS)
def test_panels_that_are_given_are_drawn_in(displays, name):
    shape = displays[name]().axes_.shape
    figure, panels = plt.subplots(int(np.prod(shape)), 1)
    display = displays[name](ax=panels)
    assert display.axes_.ravel().tolist() == panels.tolist()
    assert display.figure_ is figure
    with pytest.raises(ValueError, match=r"Axes, or (at least )?\d+ of them, got 1\."):
        displays[name](ax=panels[:1])
    for ax, kind in ((figure, "Figure"), (dict(enumerate(panels)), "dict")):
        with pytest.raises(ValueError, match=rf"of them, got {kind}\. Pass one"):
            displays[name](ax=ax)


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
@pytest.mark.filterwarnings("ignore:This figure includes Axes that are not compatible with tight")
def test_room_without_a_place_in_a_grid(fitted, layout):
    figure, _ = plt.subplots(layout=layout)
    room = figure.add_axes((0.5, 0.1, 0.4, 0.8))
    display = HistoryDisplay.from_estimator(fitted, ax=room)
    figure.draw_without_rendering()
    for panel in display.axes_:
        assert room.get_position().padded(1e-6).containsx(panel.get_position().x0)
        assert room.get_position().padded(1e-6).containsx(panel.get_position().x1)
    assert_allclose(room.get_position().bounds, (0.5, 0.1, 0.4, 0.8))


def test_axes_are_drawn_in_again(fitted):
    """Axes that were cleared, that only have a message, or that were switched off are empty."""
    figure, ax = plt.subplots()
    X, y = np.zeros((5, 4, 4), "uint8"), np.arange(5)
    show = partial(ImageGridDisplay.from_predictions, X, y, confidence=np.ones(5), ax=ax)
    ax.axis("off")
    show(y_pred=y)
    mistakes = show(y_pred=np.roll(y, 1))
    assert len(mistakes.images_) == 5
    assert ax.child_axes == mistakes.axes_.ravel().tolist()
    ax.clear()
    history = HistoryDisplay.from_estimator(fitted, ax=ax)
    assert ax.child_axes == history.axes_.tolist()
    assert figure.axes == [ax]


def test_one_panel_replaces_a_message_and_has_axes(search):
    _, ax = plt.subplots()
    X, y = np.zeros((2, 4, 4), "uint8"), [0, 1]
    ImageGridDisplay.from_predictions(X, y, y_pred=y, confidence=np.ones(2), ax=ax)
    FreezeDepthDisplay.from_search(search, costs=(), ax=ax)
    assert ax.axison
    assert ax.child_axes == []


def test_images_replace_a_message_in_one_of_several_axes():
    _, axes = plt.subplots(1, 3)
    X, y = np.zeros((2, 4, 4), "uint8"), np.arange(2)
    show = partial(ImageGridDisplay.from_predictions, X, y, confidence=np.ones(2), ax=axes)
    show(y_pred=y)
    assert [len(ax.texts) for ax in axes] == [1, 0, 0]
    show(y_pred=1 - y)
    assert "No mistakes" not in "".join(text.get_text() for text in axes[0].texts)
    assert [len(ax.images) for ax in axes] == [1, 1, 0]


def test_axes_that_hold_something_are_refused(fitted, search):
    message = "must not hold the panels of another display, images or curves"
    _, (left, right) = plt.subplots(1, 2)
    HistoryDisplay.from_estimator(fitted, ax=left)
    one_panel = partial(FreezeDepthDisplay.from_search, search, costs=())
    with pytest.raises(ValueError, match=message):
        one_panel(ax=left)
    one_panel(ax=right)
    with pytest.raises(ValueError, match=message):
        HistoryDisplay.from_estimator(fitted, ax=right)


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
        lambda estimator: GradCAMDisplay.from_estimator(estimator, np.ones((2, 64))),
    ],
)
def test_what_can_be_shown(show):
    with pytest.raises(TypeError, match=r"a fitted TransferClassifier.* got SVC\."):
        show(SVC())
    with pytest.raises(NotFittedError):
        show(make_pipeline(TransferClassifier()))


@pytest.mark.parametrize("name", ["history", "depth", "ranking"])
def test_given_panels_that_share_no_axis_have_the_same_labels(displays, name):
    own = displays[name]()
    expected = [label.get_text() for label in own.axes_.ravel()[-1].get_xticklabels()]
    _, panels = plt.subplots(own.axes_.size, 1)
    for panel in displays[name](ax=panels).axes_.ravel():
        assert [label.get_text() for label in panel.get_xticklabels()] == expected
        assert all(label.get_visible() for label in panel.get_xticklabels())


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("history", {"line_kw": {"c": "k", "lw": 3}, "freeze_line_kw": {"ls": "--"}}),
        ("depth", {"line_kw": {"c": "k", "ms": 3, "ls": ":"}, "errorbar_kw": {"lw": 2, "ls": "-"}}),
        ("ranking", {"line_kw": {"c": "k", "ms": 3}, "errorbar_kw": {"ls": "-"}}),
        ("grid", {"text_kw": {"fontsize": 6, "ha": "left"}}),
        ("grid", {"text_kw": {"size": 6, "horizontalalignment": "left"}}),
        ("map", {"text_kw": {"size": 6}}),
    ],
)
def test_styles_may_have_short_names(displays, name, style):
    display = displays[name](**style)
    lines = getattr(display, "lines_", [getattr(display, "line_", None)])
    if "line_kw" in style:
        assert {line.get_color() for line in lines} == {"k"}
        size = style["line_kw"].get("ms")
        assert size is None or {line.get_markersize() for line in lines} == {size}
    if name == "history":
        assert {line.get_linewidth() for line in lines} == {3}
        assert {line.get_linestyle() for line in display.freeze_lines_} == {"--"}
    elif name == "depth":
        assert {line.get_linestyle() for line in lines} == {":"}
        (bars,) = display.errorbars_[0][2]
        assert set(bars.get_linewidth()) == {2}
    elif name == "ranking":
        assert display.errorbar_[0].get_linestyle() == "-"
    else:
        texts = [text for panel in display.axes_.ravel() for text in panel.texts]
        assert {text.get_size() for text in texts} == {6}
        if name == "grid":
            assert {text.get_ha() for text in texts} == {"left"}
