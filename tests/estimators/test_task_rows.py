"""The rows of a task: how many judge fine-tuning, and how classes weigh."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfashion._data.labelled_data import LabelledData
from skfashion._estimators import task_rows
from skfashion._random_streams import RandomStreams

CLASSES = np.arange(5)
ROWS = LabelledData.of_positive_weight(np.arange(100)[:, None], np.arange(100) % 5, np.ones(100))


@pytest.mark.parametrize(
    ("fraction", "most", "expected"),
    [
        (0.2, 1000, 20),
        (0.2, 30, 20),
        (0.5, 30, 30),
        (0.5, 3, 5),
        (0.01, 1000, 5),
        (0.97, 1000, 95),
    ],
)
def test_rows_that_judge(monkeypatch, fraction, most, expected):
    monkeypatch.setattr(task_rows, "MOST_JUDGING_ROWS", most)
    params = SimpleNamespace(class_weight=None, early_stopping=False, validation_fraction=fraction)

    def split(phase, **settings):
        settings = SimpleNamespace(**{"judges": True, "fine_tunes": True, **settings})
        return task_rows.split_task_rows(
            params, settings, phase, ROWS, None, CLASSES, RandomStreams(0)
        )

    train, judging = split("fine-tune")
    assert (len(train), len(judging)) == (100 - expected, expected)
    for phase, settings in (
        ("pretrain", {}),
        ("fine-tune", {"judges": False}),
        ("fine-tune", {"fine_tunes": False}),
    ):
        assert split(phase, **settings) == (ROWS, None)


def split_to_stop_early(class_weight, train, validation=None, fraction=0.2):
    params = SimpleNamespace(
        class_weight=class_weight, early_stopping=True, validation_fraction=fraction
    )
    settings = SimpleNamespace(judges=False, fine_tunes=True)
    return task_rows.split_task_rows(
        params, settings, "fine-tune", train, validation, CLASSES, RandomStreams(0)
    )


@pytest.mark.parametrize("class_weight", [{0: 20.0, 3: 0.5}, "balanced"])
def test_given_validation_rows_weigh_as_rows_that_are_held_out(class_weight):
    train = ROWS.take(np.flatnonzero((ROWS.y > 0) | (ROWS.index % 2 == 0)))
    _, held_out = split_to_stop_early(class_weight, train)
    given = ROWS.take(held_out.index)
    assert len(set(held_out.weight)) > 1
    assert_allclose(split_to_stop_early(class_weight, train, given)[1].weight, held_out.weight)


def test_a_row_that_is_held_out_has_a_weight():
    rare = ROWS.take(np.flatnonzero((ROWS.y > 0) | (ROWS.index < 6)))
    assert (split_to_stop_early(None, rare, fraction=0.07)[1].y > 0).all()
    only_rare = dict.fromkeys(range(1, 5), 0.0)
    with pytest.raises(
        ValueError, match=r"zero to all validation rows.* validation_fraction=0\.07"
    ):
        split_to_stop_early(only_rare, rare, fraction=0.07)
    given = ROWS.take(np.flatnonzero(ROWS.y > 0))
    with pytest.raises(ValueError, match=r"zero to all validation rows\. Pass X_val and y_val"):
        split_to_stop_early(only_rare, ROWS, given)
