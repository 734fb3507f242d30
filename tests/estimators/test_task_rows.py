"""The rows of a task: how many judge fine-tuning, and how classes weigh."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import train_test_split

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


@pytest.mark.parametrize(
    ("n_rows", "fraction", "expected"),
    # As shares of the rows, 58 of 63 and 1,000 of 5,003 would be rounded up to a row more.
    [(63, 0.95, 58), (5_003, 0.5, 1_000), (63, 0.2, 13), (5_003, 0.1, 501)],
)
def test_bounds_of_the_rows_that_judge_are_exact(n_rows, fraction, expected):
    rows = LabelledData.of_positive_weight(
        np.arange(n_rows)[:, None], np.arange(n_rows) % 5, np.ones(n_rows)
    )
    params = SimpleNamespace(class_weight=None, early_stopping=False, validation_fraction=fraction)
    settings = SimpleNamespace(judges=True, fine_tunes=True)
    _, judging = task_rows.split_task_rows(
        params, settings, "fine-tune", rows, None, CLASSES, RandomStreams(0)
    )
    assert len(judging) == expected


@pytest.mark.parametrize(("n_rows", "fraction"), [(40, 0.25), (98, 0.13), (99, 0.93)])
def test_a_share_of_rows_is_held_out_as_scikit_learn_does(n_rows, fraction):
    rows = ROWS.take(np.arange(n_rows))
    _, held_out = split_to_stop_early(None, rows, fraction=fraction)
    _, expected = train_test_split(
        rows.index,
        test_size=fraction,
        stratify=rows.y,
        random_state=RandomStreams(0).integer("validation split", "fine-tune"),
    )
    assert held_out.index.tolist() == expected.tolist()


@pytest.mark.parametrize("fraction", [0.01, 0.97])
def test_too_few_rows_to_hold_out_from(fraction):
    message = rf"early_stopping cannot hold out validation_fraction={fraction} of 100 rows with 5 "
    message += r"classes: .* = 5\. Change validation_fraction, pass X_val and y_val"
    with pytest.raises(ValueError, match=message):
        split_to_stop_early(None, ROWS, fraction=fraction)


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
