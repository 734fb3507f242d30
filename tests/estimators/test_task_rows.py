"""How many rows judge fine-tuning: a fraction, but no more than a limit, and one of each class."""

from types import SimpleNamespace

import numpy as np
import pytest

from skfashion._data.labelled_data import LabelledData
from skfashion._estimators import task_rows
from skfashion._random_streams import RandomStreams

CLASSES = np.arange(5)
ROWS = LabelledData.of_positive_weight(np.arange(100)[:, None], np.arange(100) % 5, np.ones(100))


@pytest.mark.parametrize(
    ("fraction", "most", "expected"),
    [(0.2, 1000, 20), (0.2, 30, 20), (0.5, 30, 30), (0.5, 3, 5), (0.01, 1000, 5)],
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
