"""The head first, then stage by stage: which layers train in which epoch."""

from contextlib import nullcontext

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._estimators.fit import Fit
from skfashion._training.unfreezing import epochs_until_unfrozen, unfreeze_schedule
from tests.class_split import GTE5

BODY = ["conv1/kernel", "conv2/kernel"]


def test_the_head_comes_first(make, fashion, weights_of):
    params = {"pretrain_classes": GTE5, "freeze_until": None, "epochs": 3}
    before = weights_of(make(**{**params, "epochs": 0}).fit(*fashion))
    with pytest.warns(UserWarning, match="is too few to unfreeze down to freeze_until="):
        head = make(head_epochs=3, **params).fit(*fashion)
    both = make(head_epochs=2, **params).fit(*fashion)
    head_weights, both_weights = weights_of(head), weights_of(both)
    for path in BODY:
        assert_array_equal(head_weights[path], before[path])
        assert not np.array_equal(both_weights[path], before[path])
    assert len(both.history_["loss"]) == both.n_iter_ == 3
    assert both.history_["loss"][:2] == head.history_["loss"][:2]
    assert both.freeze_point_ is None
    assert both.n_frozen_params_ == 0


def test_stages_thaw_from_behind(make, fashion, weights_of):
    params = {"pretrain_classes": GTE5, "freeze_until": None, "epochs_per_stage": 1}
    before = weights_of(make(epochs=0, **{**params, "epochs_per_stage": 0}).fit(*fashion))
    moved = []
    for epochs in (1, 2, 3):
        with nullcontext() if epochs == 3 else pytest.warns(UserWarning, match="that takes 3"):
            after = weights_of(make(epochs=epochs, head_epochs=1, **params).fit(*fashion))
        moved.append([not np.array_equal(after[path], before[path]) for path in BODY])
    assert moved == [[False, False], [False, True], [True, True]]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["conv1"] * 4),
        ({"head_epochs": 2}, ["features", "features", "conv1", "conv1"]),
        ({"freeze_until": 0, "epochs_per_stage": 2}, ["conv1", "conv1", None, None]),
        (
            {"freeze_until": 0, "epochs_per_stage": 1, "head_epochs": 1},
            ["features", "conv1", None, None],
        ),
        ({"freeze_until": "features", "head_epochs": 2}, ["features"] * 4),
        ({"freeze_until": "dense", "head_epochs": 2, "epochs_per_stage": 1}, ["dense"] * 4),
    ],
    ids=repr,
)
def test_plan_of_freeze_points(make, lt5, monkeypatch, params, expected):
    plans = []
    schedule = Fit.unfreeze_schedule
    monkeypatch.setattr(
        Fit, "unfreeze_schedule", lambda fit: plans.append(schedule(fit)) or plans[-1]
    )
    make(**{"freeze_until": "conv1", "epochs": 4, **params}).fit(*lt5)
    assert plans == [tuple(expected)]


@pytest.mark.parametrize(
    ("params", "point"),
    [({"head_epochs": 4}, "features"), ({"head_epochs": 3, "epochs_per_stage": 2}, "conv1")],
)
def test_a_plan_that_ends_too_early_draws_a_warning(make, lt5, params, point):
    with pytest.warns(UserWarning, match=r"epochs=4 is too few to unfreeze .* takes [56] epochs"):
        clf = make(freeze_until=0, epochs=4, **params).fit(*lt5)
    assert clf.freeze_point_ == point
    assert clf.n_frozen_params_ == {"features": 9568, "conv1": 320}[point]


SCHEDULED = {
    "freeze_until": None,
    "epochs": 3,
    "schedule": "cosine",
    "warmup": 0.2,
    "clip_norm": 1.0,
    "layer_decay": 0.5,
    "head_epochs": 1,
    "epochs_per_stage": 1,
}


def test_partial_fit_follows_the_same_course(make, lt5, weights_of):
    X, y = lt5
    whole = make(**SCHEDULED).fit(X, y)
    parts = make(**SCHEDULED)
    for _ in range(3):
        parts.partial_fit(X, y, classes=range(5))
    weights = weights_of(parts)
    for path, weight in weights_of(whole).items():
        assert_array_equal(weights[path], weight)
    parts.partial_fit(X, y)
    assert parts.n_iter_ == 4


def test_warm_start_begins_the_course_anew_without_freezing_the_body_again(make, lt5, weights_of):
    clf = make(**SCHEDULED, warm_start=True).fit(*lt5)
    before = weights_of(clf)
    clf.set_params(epochs=1).fit(*lt5)
    assert clf.n_iter_ == 4
    assert not np.array_equal(weights_of(clf)["conv1/kernel"], before["conv1/kernel"])
    # Adam moves a weight by about the rate in each update. At the end of a cosine it is near 0.
    moved = np.abs(weights_of(clf)["output/kernel"] - before["output/kernel"]).max()
    n_updates = -(-len(lt5[1]) // clf.batch_size_)
    assert moved > 0.2 * n_updates * 0.001


def test_early_stopping_ends_the_head_phase_not_the_whole(make, fashion):
    params = {"freeze_until": None, "early_stopping": True, "n_iter_no_change": 1}
    clf = make(tol=100.0, epochs=6, head_epochs=3, **params).fit(*fashion)
    # Nothing improves by 100: after the first epoch, which is the best so far, each part of the
    # phase stops at its first chance.
    assert clf.n_iter_ == 3


POINTS_AFTER = ["features", "stage2", "stage1"]


@pytest.mark.parametrize(
    ("n_epochs", "head_epochs", "epochs_per_stage", "expected"),
    [
        (3, 0, 0, [None] * 3),
        (3, 2, 0, ["features", "features", None]),
        (5, 0, 2, ["stage2", "stage2", "stage1", "stage1", None]),
        (5, 1, 1, ["features", "stage2", "stage1", None, None]),
        (2, 3, 1, ["features", "features"]),
        (0, 0, 0, [None]),
        (0, 2, 1, [None]),
    ],
)
def test_schedule(n_epochs, head_epochs, epochs_per_stage, expected):
    schedule = unfreeze_schedule(POINTS_AFTER, None, n_epochs, head_epochs, epochs_per_stage)
    assert schedule == tuple(expected)


@pytest.mark.parametrize(("head_epochs", "epochs_per_stage"), [(0, 0), (2, 0), (0, 2), (1, 3)])
@pytest.mark.parametrize("points_after", [["features"], POINTS_AFTER])
def test_the_fewest_epochs_reach_the_last_point(points_after, head_epochs, epochs_per_stage):
    numbers = head_epochs, epochs_per_stage
    fewest = epochs_until_unfrozen(points_after, *numbers)
    assert unfreeze_schedule(points_after, "last", fewest, *numbers)[-1] == "last"
    if fewest > 1:
        assert unfreeze_schedule(points_after, "last", fewest - 1, *numbers)[-1] != "last"


def test_with_the_whole_body_frozen_there_is_nothing_to_unfreeze():
    assert unfreeze_schedule([], "features", 3, 2, 1) == ("features",) * 3
