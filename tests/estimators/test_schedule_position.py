"""The place in a schedule: `partial_fit` after `fit`, early stopping, and files of it."""

import pytest

from skfashion import load
from skfashion._estimators.schedule_position import SchedulePosition


def test_calls_of_partial_fit_continue_a_schedule_and_fits_begin_one():
    position = SchedulePosition().after(1, is_partial=True).after(1, is_partial=True)
    assert position.next_epochs(1, is_partial=True) == (range(2, 3), 0)
    assert position.next_epochs(5, is_partial=False) == (range(5), 2)
    position = position.after(5, is_partial=False)
    assert position.next_epochs(1, is_partial=True) == (range(1), 7)
    assert position.after(1, is_partial=True).next_epochs(1, is_partial=True) == (range(1, 2), 7)


@pytest.mark.parametrize(
    "params",
    [
        {"schedule": "cosine", "warmup": 0.2},
        {"recipe__average": 0.9, "schedule": "linear"},
        {"freeze_until": None, "head_epochs": 1, "epochs_per_stage": 1},
    ],
    ids=str,
)
def test_partial_fit_begins_a_schedule_after_a_whole_fit(make, lt5, assert_same, params):
    parts, whole = (make(epochs=3).set_params(**params).fit(*lt5) for _ in range(2))
    point = whole.freeze_point_
    whole.set_params(warm_start=True).fit(*lt5)
    for _ in range(3):
        assert parts.partial_fit(*lt5).freeze_point_ == point
    assert_same(parts, whole, lt5[0])


STOPS = {
    "freeze_until": None,
    "head_epochs": 5,
    "epochs": 10,
    "early_stopping": True,
    "n_iter_no_change": 1,
    "tol": 100.0,
}


@pytest.fixture
def stopped(make, fashion):
    """Return a function that fits an estimator which stopped early at both freeze points."""

    def fit():
        clf = make(**STOPS).fit(*fashion)
        assert (clf.n_iter_, clf.freeze_point_) == (3, None)
        return clf.set_params(early_stopping=False)

    return fit


def test_the_body_stays_unfrozen_after_early_stopping(stopped, fashion):
    clf = stopped()
    for _ in range(2):
        assert clf.partial_fit(*fashion).freeze_point_ is None
    assert set(clf.history_["features"][-2:]) == {"nothing frozen"}


def test_random_streams_are_numbered_on_after_epochs_that_were_left_out(stopped, fashion):
    assert stopped()._position == SchedulePosition(10)
    assert stopped().partial_fit(*fashion)._position == SchedulePosition(10, 1)
    assert stopped().set_params(warm_start=True).fit(*fashion)._position == SchedulePosition(20)


def test_a_loaded_estimator_continues_at_its_place(make, lt5, tmp_path, assert_same):
    clf = make(epochs=3, schedule="cosine").fit(*lt5).partial_fit(*lt5)
    clf.save(tmp_path / "clf.skf")
    loaded = load(tmp_path / "clf.skf")
    assert_same(loaded.partial_fit(*lt5), clf.partial_fit(*lt5), lt5[0])
