"""HistoryDisplay."""

from itertools import pairwise

import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skfashion import TransferClassifier
from skfashion.inspection import HistoryDisplay
from skfashion.model_selection import ClassSplitCV
from tests.class_split import GTE5
from tests.inspection.panels import legend, texts


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


@pytest.mark.parametrize(("n_source", "n_target"), [(50, 1), (100, 2), (30, 3), (5, 1), (40, 40)])
def test_epochs_of_both_phases_do_not_overlap(n_source, n_target):
    source, target = (
        {"loss": [1.0] * n_epochs, "accuracy": [0.5] * n_epochs}
        for n_epochs in (n_source, n_target)
    )
    display = HistoryDisplay(history=target, pretrain_history=source).plot()
    display.figure_.canvas.draw()
    labels = display.axes_[-1].get_xticklabels()
    assert labels[-1].get_text() == str(n_target)
    boxes = [label.get_window_extent() for label in labels]
    for left, right in pairwise(boxes):
        assert left.x1 + 1 < right.x0
