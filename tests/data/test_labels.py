"""Labels of y and of parameters: how they are compared and shown."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from skfashion._data.class_split import split_classes, split_first_batch
from skfashion._data.labelled_data import LabelledData
from skfashion._data.labels import format_labels, list_labels


def test_long_lists_of_labels_are_cut():
    assert format_labels(np.array(["a", "b"])) == "['a', 'b']"
    assert format_labels(range(31)).endswith("28, 29, ...]")
    assert format_labels(range(30)).endswith("28, 29]")


# -- Dates -----------------------------------------------------------------------------------------

DAYS = np.arange("2026-01-01", "2026-01-06", dtype="datetime64[D]")
STAMPS = pd.to_datetime(DAYS)
FORMS_OF_DATES = {
    "days": DAYS,
    "nanoseconds": DAYS.astype("datetime64[ns]"),
    "list of nanoseconds": [*DAYS.astype("datetime64[ns]")],
    "Series": pd.Series(STAMPS),
    "DatetimeIndex": STAMPS,
    "Timestamps": [*STAMPS],
    "dates": DAYS.tolist(),
    "datetimes": STAMPS.to_pydatetime().tolist(),
    "set": set(DAYS.tolist()),
    "polars": pl.Series(DAYS),
}


@pytest.mark.parametrize("unit", ["D", "s", "ns"])
@pytest.mark.parametrize("form", FORMS_OF_DATES)
def test_dates_are_equal_in_every_unit_and_type(unit, form):
    y = np.append(DAYS, DAYS[-2:] + 9).astype(f"datetime64[{unit}]")
    listed, wanted = y[:5], FORMS_OF_DATES[form]
    assert_array_equal(split_classes(y, wanted).source, listed)
    split = split_classes(y, y[5:], wanted)
    assert_array_equal(split.target, listed)
    assert split.continued(y, target_classes=wanted, all_classes=True) is split
    of_source = split_classes(y, wanted)
    assert of_source.continued(y, wanted) is of_source
    first = split_first_batch(y, DAYS, y[5:].astype("datetime64[ns]"), wanted)
    assert_array_equal(first.target, listed)
    split.check_class_weight(dict.fromkeys(wanted, 2.0))
    data = LabelledData.of_positive_weight(np.zeros((7, 1)), y, np.ones(7))
    weights = data.class_weights(dict.fromkeys(wanted, 2.0))
    assert data.weighted_by_class(weights).weight.tolist() == [2.0] * 5 + [1.0] * 2


@pytest.mark.parametrize("unit", ["D", "s", "ns"])
def test_further_batches_may_have_dates_of_another_unit(unit):
    split = split_classes(DAYS, DAYS[:2])
    assert split.continued(DAYS.astype(f"datetime64[{unit}]"), DAYS[:2]) is split
    more = np.append(DAYS, DAYS[:1] + 9).astype(f"datetime64[{unit}]")
    with pytest.raises(ValueError, match="classes of the first fit"):
        split.continued(more, DAYS[:2])
    ignored = split.continued(more, DAYS[:2], DAYS[2:]).ignored
    assert_array_equal(ignored, DAYS[:1] + 9)


def test_times_are_equal_in_every_unit_and_type():
    y = np.arange(5).astype("timedelta64[D]").astype("timedelta64[ns]")
    days = pd.to_timedelta(y)
    for wanted in (
        y[:2].astype("timedelta64[h]"),
        days[:2],
        [*days[:2]],
        days[:2].to_pytimedelta(),
    ):
        assert_array_equal(split_classes(y, wanted).source, y[:2])


def test_a_finer_date_is_not_rounded():
    for date in (np.datetime64("2026-01-01T12"), pd.Timestamp("2026-01-01 12:00")):
        with pytest.raises(
            ValueError, match=r"labels that y lacks: \[np.datetime64\('2026-01-01T12"
        ):
            split_classes(DAYS, [date, DAYS[1]])
    with pytest.raises(ValueError, match=r"labels that y lacks: .*tzinfo"):
        split_classes(DAYS, [pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime(), DAYS[1]])


# -- Parameters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "wanted", "kinds"),
    [
        (DAYS, ["2026-01-01", "2026-01-02"], "has text and y has dates"),
        (DAYS.astype(str), DAYS[:2], "has dates and y has text"),
        (DAYS.astype(str).astype(object), [1, 2], "has numbers and y has text"),
        (np.arange(5), DAYS[:2].tolist(), "has dates and y has numbers"),
        (DAYS - DAYS[0], [0, 1], "has numbers and y has times"),
    ],
)
def test_errors_name_the_kinds_of_labels(labels, wanted, kinds):
    with pytest.raises(ValueError, match=f"pretrain_classes {kinds}: convert one of them"):
        split_classes(labels, wanted)


@pytest.mark.parametrize(
    "labels",
    [
        [1, 2],
        {1, 2},
        range(1, 3),
        np.array([1, 2], dtype="int8"),
        pd.Series([1, 2]),
        pd.Categorical([1, 2]),
        pd.array([1, 2], dtype="Int64"),
        pl.Series([1, 2]),
    ],
    ids=lambda labels: type(labels).__name__,
)
def test_labels_of_a_parameter_are_a_flat_list(labels):
    assert_array_equal(list_labels(labels, "pretrain_classes"), [1, 2])
    assert format_labels(labels) == "[1, 2]"
    assert list_labels(None, "pretrain_classes") == []
    with pytest.raises(ValueError, match="pretrain_classes must be a flat list of labels, got"):
        list_labels([labels, [3]], "pretrain_classes")
