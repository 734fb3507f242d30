"""The split of labels into two tasks, and the checks on labels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._data.class_split import (
    ClassSplit,
    encode,
    split_classes,
    split_first_batch,
)

Y = np.array([3, 1, 0, 2, 4, 4, 1])


def labels_of(split):
    return [part.tolist() for part in (split.source, split.target, split.ignored)]


@pytest.mark.parametrize(
    ("pretrain", "target", "expected"),
    [
        (None, None, [[], [0, 1, 2, 3, 4], []]),
        ([4, 3], None, [[3, 4], [0, 1, 2], []]),
        ([4, 3], [1, 0], [[3, 4], [0, 1], [2]]),
        (None, [1, 0], [[], [0, 1], [2, 3, 4]]),
        ([0, 1, 2], [2, 3], [[0, 1, 2], [2, 3], [4]]),
    ],
)
def test_labels_of_both_tasks(pretrain, target, expected):
    split = split_classes(Y, pretrain, target)
    assert labels_of(split) == expected
    assert split.pretrains == (pretrain is not None)
    assert split.known.tolist() == [0, 1, 2, 3, 4]
    assert_array_equal(split.used, np.union1d(split.source, split.target))
    assert_array_equal(split.left_out, np.setdiff1d(np.arange(5), split.target))


def test_labels_may_be_strings():
    split = split_classes(np.array(["cat", "dog", "ant", "bee"]), ["cat", "dog"])
    assert labels_of(split) == [["cat", "dog"], ["ant", "bee"], []]


@pytest.mark.parametrize(
    ("pretrain", "target", "message"),
    [
        ([4, 7], None, r"pretrain_classes names labels that y lacks: \[7\]; y has the classes"),
        (None, [0, "0"], r"target_classes names labels that y lacks: \['0'\]"),
        ([4], None, r"at least two classes, got \[4\]; .* pretrain_classes=None"),
        ([0, 1, 2, 3, 4], None, "names every class that y has"),
        ([0, 1, 2, 3], None, r"The target task needs at least two classes, got 1 class: \[4\]"),
        ([0, 1, 2, 3], None, r"Leave two or more classes out of pretrain_classes\.$"),
        ([0, 1], [2], r"Name more classes in target_classes\.$"),
        (["0", "1"], None, r"pretrain_classes has text and y has numbers: convert one of them\."),
        ([[0, 1]], None, "pretrain_classes must be a flat list of labels"),
    ],
)
def test_labels_that_y_cannot_be_split_into(pretrain, target, message):
    with pytest.raises(ValueError, match=message):
        split_classes(Y, pretrain, target)


def test_text_that_y_lacks_is_not_taken_for_another_type():
    with pytest.raises(ValueError, match="lacks") as raised:
        split_classes(np.array(["cat", "dog", "ant", "bee"]), ["cat", "cow"])
    assert "convert" not in str(raised.value)
    with pytest.raises(ValueError, match="has numbers and y has text: convert one"):
        split_classes(np.array(["cat", "dog", "ant", "bee"]), [0, 1])


def test_a_first_batch_may_lack_target_classes():
    split = split_first_batch(np.array([0, 3, 4]), [2, 1, 0], [3, 4])
    assert labels_of(split) == [[3, 4], [0, 1, 2], []]


@pytest.mark.parametrize(
    ("classes", "pretrain", "target", "message"),
    [
        (None, None, None, "classes must be passed on the first call"),
        ([0, 1], None, [0, 2], "both name the target task and differ"),
        (["0", "1"], None, None, r"y has none of classes=\['0', '1'\]"),
        ([0, 1], [2, 9], None, r"pretrain_classes names labels that y lacks: \[9\]"),
        (range(5), [3, 4], None, r"of pretrain_classes: \[3, 4\]\. .* or, .* set target_classes"),
        (range(5), [3, 4], [0, 1], "differ. Pass the same labels in both"),
        ([0, 1], None, None, r"y has labels that classes lacks: \[2, 3, 4\]"),
    ],
)
def test_a_first_batch_that_contradicts_classes(classes, pretrain, target, message):
    with pytest.raises(ValueError, match=message):
        split_first_batch(Y, classes, pretrain, target)


SPLIT = split_classes(Y, [3, 4], [0, 1])


def test_rows_outside_the_target_task_are_not_scored():
    assert SPLIT.scored_rows(np.array([0, 2, 3, 9])).tolist() == [True, False, False, True]
    with pytest.raises(ValueError, match=r"label of the target task, \[0, 1\], .* y has \[2, 3\]"):
        SPLIT.scored_rows(np.array([2, 3]))


def test_a_kept_output_layer_needs_as_many_classes():
    SPLIT.check_output_layer("keep")
    wider = split_classes(Y, [3, 4])
    wider.check_output_layer("new")
    with pytest.raises(ValueError, match="source task has 2, the target task 3"):
        wider.check_output_layer("keep")
    with pytest.raises(ValueError, match="source task has 3, the target task 2"):
        split_classes(Y, [0, 1, 2]).check_output_layer("keep")
    split_classes(Y).check_output_layer("keep")


def test_class_weights_belong_to_known_labels():
    for valid in (None, "balanced", {0: 0, 2: 3.5}):
        SPLIT.check_class_weight(valid)
    with pytest.raises(ValueError, match=r"labels that y lacks: \[9\]"):
        SPLIT.check_class_weight({9: 1})
    for weight in (-1, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"class_weight\[0\] must be .* got"):
            SPLIT.check_class_weight({0: weight})


def test_validation_labels_must_be_known():
    SPLIT.check_validation_labels(np.array([0, 2, 4]))
    with pytest.raises(ValueError, match=r"y_val has labels that y lacks: \[5\]"):
        SPLIT.check_validation_labels(np.array([0, 5]))


def test_further_calls_have_the_same_classes():
    source = SPLIT.source.tolist()
    assert SPLIT.continued(np.array([0, 4]), source, [1, 0]) is SPLIT
    assert SPLIT.continued(Y, source, all_classes=True) is SPLIT
    # Without source rows, training may continue without the source classes.
    assert SPLIT.continued(np.array([0, 1]), all_classes=True) is SPLIT
    # With target classes, other labels are ignored, whenever they come.
    assert SPLIT.continued(np.array([0, 5]), source, [1, 0]).ignored.tolist() == [*SPLIT.ignored, 5]
    for y, pretrain, target, all_classes in (
        (np.array([0, 5]), source, None, False),
        (np.array([0, 4]), source, None, True),
        (Y, source, [0, 2], False),
        (Y, None, None, False),
        (Y, [0, source[0]], None, False),
    ):
        with pytest.raises(ValueError, match=r"classes of the first fit, \[0, 1\], but"):
            SPLIT.continued(y, pretrain, target, all_classes)


def test_further_calls_of_tasks_that_overlap():
    tasks = [3, 4, 5, 6], [4, 5, 9]
    split = split_first_batch(np.array([3, 4, 5, 6, 9]), [4, 5, 9], *tasks)
    assert labels_of(split) == [*map(list, tasks), []]
    assert split.continued(np.array([3, 5, 9]), *tasks) is split
    # Without target classes, no source class belongs to the target task.
    remedy = r"Set target_classes=\[4, 5, 9\], because both tasks have some of these classes\."
    with pytest.raises(ValueError, match=rf"classes of the first fit, \[4, 5, 9\], but .*{remedy}"):
        split.continued(np.array([3, 5, 9]), tasks[0])
    with pytest.raises(ValueError, match=r"classes of the first fit, \[4, 5, 9\].* Fit a new"):
        split.continued(np.array([3, 4, 5]), *tasks, all_classes=True)


def test_labels_are_encoded_by_their_index():
    encoded = encode(np.array(["a", "c", "x"]), np.array(["x", "a", "c", "x"]))
    assert encoded.dtype == np.int32
    assert encoded.tolist() == [2, 0, 1, 2]


def test_a_split_does_not_change():
    with pytest.raises(AttributeError):
        ClassSplit(*[np.arange(2)] * 3).source = np.arange(3)


@pytest.mark.parametrize("unit", ["D", "h", "ns"])
def test_dates_are_labels(unit):
    y = np.arange("2026-01-01", "2026-01-06", dtype="datetime64[D]").astype(f"datetime64[{unit}]")
    split = split_classes(y, y[:2])
    assert_array_equal(split.source, y[:2])
    assert_array_equal(split.target, y[2:])
    assert_array_equal(split_classes(y, [*y[:2]], y[3:]).ignored, y[2:3])
    assert_array_equal(split_first_batch(y, y[2:], y[:2], None).target, y[2:])


@pytest.mark.parametrize("unit", ["D", "ns"])
def test_dates_have_class_weights(unit, make, small):
    X, y = small
    dates = np.array(["2026-01-01", "2026-01-02"], f"datetime64[{unit}]")
    weights = {dates[0]: 1.0, dates[1]: 3.0}
    dated = make(epochs=1, class_weight=weights).fit(X, dates[y % 2])
    numbered = make(epochs=1, class_weight={0: 1.0, 1: 3.0}).fit(X, y % 2)
    assert_array_equal(dated.predict_proba(X), numbered.predict_proba(X))
    with pytest.raises(ValueError, match=r"names labels that y lacks: .* Remove them"):
        make(epochs=1, class_weight={dates[0]: 1.0, 1: 2.0}).fit(X, dates[y % 2])
