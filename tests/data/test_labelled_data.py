"""Labels and weights stay with their rows, however often a set is split."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion._data.labelled_data import LabelledData


def make_data(y, weight=None):
    y = np.asarray(y)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, float)
    return LabelledData.of_positive_weight(np.arange(len(y))[:, None], y, weight)


def assert_in_step(data, y, weight):
    assert_array_equal(data.X[:][:, 0], data.index)
    assert_array_equal(data.y, np.asarray(y)[data.index])
    assert_array_equal(data.weight, np.asarray(weight)[data.index])


def test_rows_labels_and_weights_stay_in_step():
    y, weight = np.arange(60) % 3, np.arange(60.0) % 5
    data = make_data(y, weight)
    assert len(data) == 48
    assert_in_step(data, y, weight)
    for part in (data.of_classes([0, 2]), data.take(np.array([5, 2])), *data.hold_out(10, 0)):
        assert_in_step(part, y, weight)


def test_rows_of_classes():
    data = make_data([0, 1, 2, 1])
    assert data.of_classes([1, 7]).index.tolist() == [1, 3]
    assert len(data.of_classes([])) == 0
    assert data.of_classes([0, 1, 2]) is data


def test_a_seed_holds_out_the_same_rows():
    data = make_data(np.arange(40) % 4)
    first, again, other = (data.hold_out(10, seed)[1].index for seed in (0, 0, 1))
    assert_array_equal(first, again)
    assert set(first) != set(other)


def test_class_weights_multiply_sample_weights():
    data = make_data([0, 1, 1, 0], [1, 2, 3, 4])
    assert data.weighted_by_class(None) is data
    weighted = data.weighted_by_class({1: 10.0, 9: 5.0})
    assert weighted.weight.tolist() == [1, 20, 30, 4]
    assert data.weight.tolist() == [1, 2, 3, 4]


def test_balanced_weights_give_each_class_the_same_sum():
    data = make_data([0, 1, 1, 1], [2, 1, 1, 2])
    weight = data.weighted_by_class(data.class_weights("balanced")).weight
    assert_allclose(weight[0], weight[1:].sum())
    assert data.class_weights({0: 3}) == {0: 3}
    assert make_data([]).class_weights("balanced") is None


def samples(n=40, classes=4):
    y = np.arange(n) % classes
    return LabelledData.of_positive_weight(np.arange(n)[:, None], y, np.ones(n))


def test_held_out_rows_are_stratified_and_not_trained_on():
    stay, out = samples().hold_out(10, seed=0)
    assert sorted([*stay.index, *out.index]) == list(range(40))
    assert sorted(np.bincount(out.y)) == [2, 2, 3, 3]
    assert (stay.X[:][:, 0] == stay.index).all()


def test_rows_of_weight_zero_go():
    weight = np.array([1.0, 0, 2, 0])
    kept = LabelledData.of_positive_weight(np.arange(4)[:, None], np.array([0, 1, 0, 1]), weight)
    assert kept.index.tolist() == [0, 2]
    assert kept.weight.tolist() == [1, 2]


@pytest.mark.parametrize("n_rows", [1, 3, 4, 10, 36, 37, 39, 40, 41])
def test_a_sample_of_any_size(n_rows):
    sample = samples().sample(n_rows, seed=0)
    assert len(sample) == min(n_rows, 40)
    assert (np.diff(sample.index) > 0).all()
    assert (sample.X[:][:, 0] == sample.index).all()
    if 4 <= n_rows <= 36:
        counts = np.bincount(sample.y, minlength=4)
        assert counts.max() - counts.min() <= 1


def test_two_rows_of_a_class_are_enough_for_a_stratified_sample():
    sample = samples(40, 20).sample(20, seed=0)
    assert np.bincount(sample.y).tolist() == [1] * 20


def test_a_class_of_one_row_is_sampled_without_strata():
    y = [*[0] * 20, 1]
    assert len(make_data(y).sample(10, seed=0)) == 10


def test_a_sample_is_drawn_from_the_seed_and_need_not_have_two_rows_of_a_class():
    data = samples(41, 40)
    one, same, other = (data.sample(20, seed).index for seed in (0, 0, 1))
    assert one.tolist() == same.tolist() != other.tolist()
