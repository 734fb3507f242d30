"""Displays in small axes, in a dark style and with long names are legible."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from skfashion.inspection import (
    FreezeDepthDisplay,
    FreezeRankingDisplay,
    GradCAMDisplay,
    HistoryDisplay,
    ImageGridDisplay,
)
from skfashion.inspection._panels import shorten_middle
from tests.inspection.panels import legend, texts

NAMES = ["a long name of T-shirts and tops", "Dress"]


def curve(scores, stds, seconds=(0.4, 0.2, 0.1), n_params=(900, 800, 100)):
    return pd.DataFrame(
        {
            "place": [0, 1, 2],
            "freeze_point": ["nothing", "conv1", "features"],
            "mean_test_score": scores,
            "std_test_score": stds,
            "mean_fit_time": seconds,
            "n_trainable_params": n_params,
            "iter": 0,
        }
    )


@pytest.fixture
def displays():
    """Displays of made-up numbers, which need no fit."""
    history = {"loss": [0.9, 0.5, 0.3, 0.2], "accuracy": [0.4, 0.6, 0.7, 0.8]}
    history |= {f"val_{name}": values for name, values in history.items()}
    images = np.full((12, 14, 14), 200.0)
    predictions = {
        "images": images,
        "y_pred": np.zeros(12, int),
        "y_true": np.ones(12, int),
        "confidence": np.full(12, 0.87),
        "class_names": NAMES,
    }
    return {
        "depth": FreezeDepthDisplay(
            curves={
                "pretrained on 5-9": curve([0.80, 0.79, 0.77], [0.02, 0.01, 0.01]),
                "not pretrained": curve([0.76, 0.7, 0.6], [0.01, 0.01, 0.01]),
            },
            place_names={0: "nothing", 1: "conv1", 2: "features"},
            n_splits=3,
            scratch_score=0.76,
        ),
        "ranking": FreezeRankingDisplay(
            ranking=pd.DataFrame(
                {
                    "freeze_until": [0, "conv1", "features"],
                    "mean_probe_score": [np.nan, 0.8, 0.7],
                    "std_probe_score": [np.nan, 0.1, 0.1],
                    "gradient_ratio": [np.nan, 0.6, 0.1],
                    "recommended": [True, True, False],
                }
            )
        ),
        "history": HistoryDisplay(
            history=history,
            pretrain_history={name: values[:3] for name, values in history.items()},
            freeze_point="features",
        ),
        "grid": ImageGridDisplay(
            **predictions,
            title="The 12 most confident of 41 mistakes among 302 target-task images,\n"
            "298 images outside the target task left out",
        ),
        "map": GradCAMDisplay(**predictions, heatmaps=np.zeros_like(images)),
    }


DISPLAYS = ["depth", "ranking", "history", "grid", "map"]


def written_texts(display, extra=()):
    """Return texts outside tick labels: titles, legends, names."""
    found = list(extra)
    for panel in display.axes_.flat:
        found += [*panel.texts, panel._left_title]
        if panel.get_legend() is not None:
            found += panel.get_legend().get_texts()
    return [text for text in found if text.get_text().strip()]


def with_one_image(display):
    """Return a display of images with the first one only."""
    arrays = {name: value[:1] for name, value in vars(display).items() if np.ndim(value)}
    return type(display)(**{**vars(display), **arrays, "class_names": NAMES})


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
@pytest.mark.parametrize("name", [*DISPLAYS, "one image", "one map"])
def test_texts_and_images_in_a_small_axes_neither_overlap_nor_leave_it(displays, name, layout):
    displays["one image"] = with_one_image(displays["grid"])
    displays["one map"] = with_one_image(displays["map"])
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.2), layout=layout)
    display = displays[name].plot(ax=left)
    figure.draw_without_rendering()
    room = left.get_window_extent()
    found = written_texts(display, [left.title])
    assert len(found) >= 2
    boxes = [text.get_window_extent().shrunk(0.95, 0.8) for text in found]
    panels = [panel.get_window_extent() for panel in display.axes_.flat]
    images = [panel.images[0].get_window_extent() for panel in display.axes_.flat if panel.images]
    parts = [*zip(found, boxes, strict=True), *((image, image) for image in images)]
    for (one, box), (other, other_box) in combinations(parts, 2):
        assert not box.overlaps(other_box), (one, other)
    for text, box in zip(found, boxes, strict=True):
        # Space for one line of text is around each axes.
        assert box.x0 > room.x0 - 15, text
        assert box.x1 < right.get_window_extent().x0, text
        assert box.y0 > 0, text
        assert box.y1 < figure.bbox.y1, text
    assert min(panel.height for panel in panels) > 8


def contrast(color, background):
    """Return the ratio of luminances, by the rules of WCAG 2."""

    def luminance(each):
        linear = [
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in to_rgb(each)
        ]
        return np.dot((0.2126, 0.7152, 0.0722), linear)

    low, high = sorted((luminance(color), luminance(background)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("name", DISPLAYS)
def test_texts_and_lines_have_contrast(displays, name, style):
    with plt.style.context(style):
        display = displays[name].plot()
        background = plt.rcParams["figure.facecolor"]
        for text in written_texts(display):
            assert contrast(text.get_color(), background) > 3, text
        for panel in display.axes_.flat:
            for line in panel.lines:
                is_ring = line.get_linestyle() == "None" and line.get_marker() != "None"
                color = line.get_markeredgecolor() if is_ring else line.get_color()
                if line.get_linestyle() != "None" or is_ring:
                    assert contrast(color, background) > 3, line
            for patch in panel.patches:  # the shade of the source task is faint
                assert patch.get_alpha() <= 0.2
            for line in panel.get_ygridlines() if panel.axison else ():
                assert line.get_alpha() <= 0.3


def test_long_names_are_cut_in_the_middle(displays):
    grid = displays["grid"].plot()
    assert texts(grid.axes_[0, 0]) == ["a long …nd tops (87%)", "is Dress"]
    assert shorten_middle("abcdefgh", 8) == "abcdefgh"
    assert shorten_middle("abcdefghi", 8) == "abcd…ghi"
    assert len(shorten_middle("abcdefghi", 4)) == 4


def test_names_with_dollars_are_no_formulas(displays):
    grid = displays["grid"]
    grid.class_names = ["$5", "$x$"]
    panel = grid.plot().axes_[0, 0]
    assert texts(panel) == ["$5 (87%)", "is $x$"]
    assert not any(text.get_parse_math() for text in panel.texts)


def test_marks_of_freeze_depth(displays):
    display = displays["depth"].plot()
    assert legend(display.ax_) == [
        "pretrained on 5-9",
        "not pretrained",
        "best: 0.800, nothing frozen",
        "fewest parameters within 1 std: 0.790, frozen up to\nconv1",
        "from scratch: 0.760",
    ]
    assert display.cheapest_.get_ydata()[0] == 0.79
    assert set(display.scratch_line_.get_ydata()) == {0.76}
    only = {"a": curve([0.6, 0.7, 0.8], [0.5, 0.5, 0.1])}
    display = FreezeDepthDisplay(curves=only, place_names={0: "nothing"}).plot()
    assert legend(display.ax_) == ["a", "best: 0.800, frozen up to features"]
    assert (display.cheapest_, display.scratch_line_) == (None, None)


def test_the_square_marks_the_quickest_if_a_number_of_parameters_is_unknown():
    curves = {"a": curve([0.80, 0.79, 0.78], [0.03] * 3, (0.4, 0.1, 0.2), (np.nan, 800, 100))}
    display = FreezeDepthDisplay(curves=curves, place_names={0: "nothing"}).plot()
    assert legend(display.ax_)[2] == "quickest within 1 std: 0.790, frozen up to conv1"
    assert display.cheapest_.get_ydata()[0] == 0.79


def test_a_new_figure_has_room_for_a_long_legend():
    heights = []
    for n_curves in (1, 15):
        names = [f"pretrained on classes with long names, number {n}" for n in range(n_curves)]
        curves = {name: curve([0.8, 0.7, 0.6], [0.01] * 3) for name in names}
        display = FreezeDepthDisplay(curves=curves, place_names={0: "nothing"}).plot()
        display.figure_.draw_without_rendering()
        heights.append([panel.get_window_extent().height for panel in display.axes_])
    np.testing.assert_allclose(heights[0], heights[1], rtol=0.1)


def test_seconds_are_plain_numbers(displays):
    display = displays["depth"].plot()
    display.figure_.draw_without_rendering()
    seconds, parameters = (
        [label.get_text() for label in panel.get_yticklabels()] for panel in display.axes_[1:]
    )
    assert {"0.2", "0.4"} <= set(seconds) or "0.25" in seconds
    assert not any("m" in label for label in seconds)
    assert "1k" in parameters or "500" in parameters


@pytest.mark.parametrize(
    ("n_source", "n_target", "names"),
    [
        (3, 4, ["1", "2", "3", "1", "2", "3", "4"]),
        (0, 3, ["1", "2", "3"]),
        (2, 0, ["1", "2"]),
        (3, 40, ["3", "5", "10", "15", "20", "25", "30", "35", "40"]),
    ],
)
def test_epochs_of_each_task_are_counted_from_1(n_source, n_target, names):
    phases = [{"loss": [0.1] * n, "accuracy": [0.5] * n} for n in (n_source, n_target)]
    display = HistoryDisplay(history=phases[1], pretrain_history=phases[0]).plot()
    accuracy = display.axes_[1]
    assert [label.get_text() for label in accuracy.get_xticklabels()] == names
    assert accuracy.get_xticks()[-1] == n_source + n_target
