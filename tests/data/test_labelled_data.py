import numpy as np
import pytest

from skfashion._data.labelled_data import LabelledData


def samples(n=40, classes=4):
    y = np.arange(n) % classes
    return LabelledData.of_positive_weight(np.arange(n)[:, None], y, np.ones(n))


def test_held_out_rows_are_stratified_and_not_trained_on():
    stay, out = samples().hold_out(0.25, seed=0)
    assert sorted([*stay.index, *out.index]) == list(range(40))
    assert sorted(np.bincount(out.y)) == [2, 2, 3, 3]
    assert (stay.X[:][:, 0] == stay.index).all()


def test_too_few_rows_to_hold_out_from():
    with pytest.raises(
        ValueError, match=r"validation_fraction=0.1 of 4 rows with 4 classes.*X_val"
    ):
        samples(4).hold_out(0.1, seed=0)


def test_rows_of_weight_zero_go():
    weight = np.array([1.0, 0, 2, 0])
    kept = LabelledData.of_positive_weight(np.arange(4)[:, None], np.array([0, 1, 0, 1]), weight)
    assert kept.index.tolist() == [0, 2]
    assert kept.weight.tolist() == [1, 2]
