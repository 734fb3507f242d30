"""The schedule of learning rates by itself: what peak rates are multiplied by in each step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfashion._training.learning_rates import LearningRates
from skfashion._training.schedule import ScheduleWindow


def rates(schedule="constant", warmup=0.0, **others):
    peak = {"learning_rate": 0.1, "body_learning_rate": 0.01, "layer_decay": 0.5}
    return LearningRates(**peak | others, schedule=schedule, warmup=warmup, clip_norm=None)


def multipliers(learning_rates, epochs=4, steps=5):
    """Return the multiplier of every step of a phase."""
    return [
        float(
            ScheduleWindow.from_rates(
                learning_rates, epoch / epochs, (epoch + 1) / epochs
            ).multiplier(step / steps, (step + 1) / steps)
        )
        for epoch in range(epochs)
        for step in range(steps)
    ]


def test_constant_rates_stay_at_their_peak():
    assert multipliers(rates()) == [1.0] * 20


def test_a_warm_up_rises_linearly_and_ends_at_the_peak():
    assert_allclose(multipliers(rates(warmup=0.5)), [*np.arange(1, 11) / 10, *[1] * 10], rtol=1e-6)


def test_a_cosine_begins_at_the_peak_and_falls_to_zero():
    found = multipliers(rates("cosine"))
    assert_allclose(found, (1 + np.cos(np.pi * np.arange(20) / 20)) / 2, atol=1e-6)
    assert found[0] == 1
    assert (np.diff(found) < 0).all()


def test_a_cosine_falls_after_the_warm_up():
    found = multipliers(rates("cosine", warmup=0.25))
    assert_allclose(found[:5], np.arange(1, 6) / 5, rtol=1e-6)
    assert_allclose(found[5:], (1 + np.cos(np.pi * np.arange(15) / 15)) / 2, atol=1e-6)


def test_the_number_of_steps_in_an_epoch_does_not_change_the_phase():
    few, many = (multipliers(rates("cosine"), epochs, 20 // epochs) for epochs in (2, 10))
    assert_allclose(few, many, atol=1e-6)


@pytest.mark.parametrize(
    ("depth", "expected"), [(None, 0.1), (0, 0.01), (1, 0.005), (3, 0.00125)], ids=str
)
def test_peak_rates_decay_with_depth(depth, expected):
    assert rates().peak_rate(depth) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, False),
        ({"schedule": "cosine"}, True),
        ({"schedule": "linear"}, True),
        ({"warmup": 0.1}, True),
    ],
    ids=str,
)
def test_whether_rates_change(params, expected):
    assert rates(**params).change == expected


def test_a_line_falls_to_zero_after_the_warm_up():
    assert_allclose(multipliers(rates("linear")), 1 - np.arange(20) / 20, atol=1e-6)
    one_cycle = multipliers(rates("linear", warmup=0.25))
    assert_allclose(one_cycle[:5], np.arange(1, 6) / 5, rtol=1e-6)
    assert_allclose(one_cycle[5:], 1 - np.arange(15) / 15, atol=1e-6)
