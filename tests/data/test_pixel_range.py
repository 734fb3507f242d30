"""Which values mean black and white: learned, declared, and compared with later images."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.preprocessing import MinMaxScaler

from skfashion import BackboneFeatures, TransferClassifier
from skfashion._data.lazy_images import ImageFormat
from skfashion._data.pixel_range import check_pixel_range, learn_pixel_range, warn_if_outside
from skfashion._data.row_subset import RowSubset


def rows_of(low, high, n=12, n_features=64, dtype=float):
    """Rows that go evenly from `low` to `high`."""
    return RowSubset(np.linspace(low, high, n * n_features).reshape(n, -1).astype(dtype))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, (0, 1)),
        (0.25, 0.5, (0, 1)),
        (0, 1.0000000000000002, (0, 1)),
        (-1e-17, 0.4, (0, 1)),
        (0, 1.17, (0, 1)),
        (-0.05, 1.17, (0, 1)),
        (-0.28, 1.28, (0, 1)),
        (-0.2, 0.2, (-0.2, 0.2)),
        (-0.5, 0.5, (-0.5, 0.5)),
        (-1, 1, (-1, 1)),
        (-2.1, 2.6, (-2.1, 2.6)),
        (0, 255, (0, 255)),
        (0, 60, (0, 255)),
        (-12, 280, (-12, 280)),
        (250, 310, (250, 310)),
    ],
)
def test_floats(low, high, expected):
    assert learn_pixel_range(rows_of(low, high)) == expected


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
@pytest.mark.parametrize("high", [2, 16, 31])
def test_dark_integers_draw_a_warning_whatever_their_type(dtype, high):
    with pytest.warns(UserWarning, match=rf"nearly black\. If {high} means white, set pixel_range"):
        assert learn_pixel_range(rows_of(0, high, dtype=dtype)) == (0, 255)


def test_masks_of_uint8_draw_a_warning():
    with pytest.warns(UserWarning, match=r"values up to 1, .* pixel_range=\(0, 1\)"):
        learn_pixel_range(rows_of(0, 1, dtype="uint8"))


@pytest.mark.parametrize(
    "rows",
    [
        rows_of(0, 32, dtype="uint8"),
        rows_of(0, 0, dtype="uint8"),
        rows_of(3, 3, n_features=9, dtype="uint8"),
        rows_of(0, 0),
        rows_of(0.5, 0.5),
        rows_of(300, 300),
    ],
    ids=["bright", "black", "too short", "black floats", "grey floats", "constant"],
)
def test_no_warning(rows):
    learn_pixel_range(rows)


def test_uint8_is_read_until_a_bright_pixel(monkeypatch):
    from skfashion._data import chunks

    monkeypatch.setattr(chunks, "SCAN_BYTES", 64)
    read = []

    class Recorded(RowSubset):
        def __getitem__(self, indices):
            read.append(indices)
            return super().__getitem__(indices)

    X = np.zeros((100, 64), np.uint8)
    X[2] = 200
    learn_pixel_range(Recorded(X))
    assert len(read) == 3


# -- Declared -------------------------------------------------------------------------------


@pytest.mark.parametrize("pixel_range", [(0, 1), [0, 255], (1.0, 0), (np.float32(-1), np.int8(1))])
def test_a_declared_range(pixel_range):
    assert check_pixel_range(pixel_range) == tuple(pixel_range)


@pytest.mark.parametrize(
    ("pixel_range", "message"),
    [
        ((0, 0), "two different numbers"),
        ((0,), r"\(black, white\), two finite numbers, such as .* got \(0,\)"),
        ((0, 1, 2), "two finite numbers"),
        ((0, "1"), "two finite numbers"),
        ((0, np.inf), "two finite numbers"),
        ((np.nan, 1), "two finite numbers"),
        ((None, 1), "two finite numbers"),
    ],
)
@pytest.mark.parametrize("estimator", [TransferClassifier, BackboneFeatures])
def test_a_declared_range_is_two_different_numbers(estimator, pixel_range, message):
    with pytest.raises(ValueError, match=message):
        estimator(pixel_range=pixel_range).fit(np.zeros((4, 8, 8)), [0, 1, 0, 1])


@pytest.mark.parametrize("pixel_range", ["01", 255, {0, 1}])
def test_a_declared_range_is_a_tuple_or_list(pixel_range):
    with pytest.raises(ValueError, match="The 'pixel_range' parameter"):
        TransferClassifier(pixel_range=pixel_range).fit(np.zeros((4, 8, 8)), [0, 1, 0, 1])


def test_a_declared_range_is_not_guessed_and_draws_no_warning():
    rows = rows_of(0, 1, dtype="uint8")
    image_format = ImageFormat.learn(rows, (8, 8, 1), None, (0, 1))
    assert image_format.pixel_range == (0, 1)
    images = image_format.lazy_images(rows, "float32")[:]
    assert_array_equal(np.unique(images), [0, 255])
    ImageFormat.learn(rows, (8, 8, 1), None, (0, 255)).lazy_images(rows, "float32")


def test_black_may_be_the_larger_number():
    ink = RowSubset(np.array([[1.0, 0.75, 0.0]]))
    images = ImageFormat((2, 2, 1), (1.0, 0.0)).lazy_images(ink, "float64")[:]
    assert_array_equal(images.ravel(), [0, 63.75, 255, 0])


def test_an_inverted_range_is_that_of_the_keras_model(make, lt5):
    X, y = lt5
    plain = make(epochs=1).fit(X / 255, y)
    ink = make(epochs=1, pixel_range=(1, 0)).fit(1 - X / 255, y)
    assert ink.pixel_range_ == (1, 0)
    np.testing.assert_allclose(
        ink.predict_proba(1 - X[:9] / 255), plain.predict_proba(X[:9] / 255), atol=1e-4
    )
    np.testing.assert_allclose(
        ink.model_(1 - X[:9, ..., None] / 255), ink.predict_proba(1 - X[:9] / 255), atol=1e-4
    )


@pytest.fixture(scope="module")
def masks():
    """Masks of 0 and 1 of three classes: where the bright square is."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = rng.integers(0, 2, (60, 12, 12)) * rng.integers(0, 2, (60, 12, 12))
    for image, label in zip(X, y, strict=True):
        image[4 * label : 4 * label + 4] = 1
    return X, y


def test_masks_learn_whatever_their_type(make, masks):
    X, y = masks
    fits = [
        make(epochs=5, pixel_range=(0, 1), batch_size=16).fit(X.astype(dtype), y)
        for dtype in ("uint8", "int64", "bool")
    ]
    learned = make(epochs=5, batch_size=16).fit(X, y)
    for clf in fits:
        assert_array_equal(clf.predict_proba(X), learned.predict_proba(X))
    assert learned.score(X, y) > 0.9


def test_dark_uint8_keeps_its_bits(make, masks):
    X, y = masks
    with pytest.warns(UserWarning, match="nearly black"):
        dark = make(epochs=1).fit(X.astype("uint8"), y)
    declared = make(epochs=1, pixel_range=(0, 255)).fit(X.astype("uint8"), y)
    assert dark.pixel_range_ == (0, 255)
    assert_array_equal(dark.predict_proba(X), declared.predict_proba(X))


def test_scaled_images_are_read_as_their_unit(make, lt5):
    X, y = lt5
    flat = MinMaxScaler().fit_transform(X.reshape(len(X), -1))
    flat *= 1.0000000000000002
    assert make(epochs=1).fit(flat, y).pixel_range_ == (0, 1)


def test_features_of_a_declared_range(lt5):
    X = lt5[0][:5]
    declared = BackboneFeatures(random_state=0, pixel_range=(0, 51)).fit(X // 5)
    assert declared.pixel_range_ == (0, 51)
    expected = BackboneFeatures(random_state=0).fit(X).transform(X // 5 * 5)
    np.testing.assert_allclose(declared.transform(X // 5), expected, rtol=1e-5)


# -- Later images ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fitted_on", "rows"),
    [
        ((-1, 1), rows_of(0, 1)),
        ((-1, 0.99), rows_of(0, 1, n=1)),
        ((-1, 1), rows_of(0.1, 1)),
        ((-0.5, 0.5), rows_of(0, 1)),
        ((-1, 1), rows_of(0, 255)),
        ((0, 1), rows_of(-1, 1)),
        ((0, 1), rows_of(-0.5, 0.5)),
        ((0, 1), rows_of(-2, 2)),
        ((0, 1), rows_of(0, 255)),
        ((0, 1), rows_of(0, 255, dtype="uint8")),
        ((0, 255), rows_of(0, 1)),
        ((0, 255), rows_of(0, 1, dtype=bool)),
        ((0, 255), rows_of(-1, 1)),
        ((0, 255), rows_of(-127, 128)),
        ((0, 255), rows_of(0, 4095)),
        ((0, 4095), rows_of(0, 1)),
        ((255, 0), rows_of(0, 1)),
        ((1, 0), rows_of(0, 255)),
    ],
)
def test_another_unit_draws_a_warning(fitted_on, rows):
    with pytest.warns(UserWarning, match=r"X has pixel values from .* reads the range"):
        warn_if_outside(rows, fitted_on)


@pytest.mark.parametrize(
    ("fitted_on", "rows"),
    [
        ((0, 255), rows_of(0, 0)),
        ((0, 255), rows_of(0.5, 0.5)),
        ((0, 255), rows_of(0, 1, n=1, dtype="uint8")),
        ((0, 255), rows_of(0, 1, n=1, dtype=int)),
        ((0, 255), rows_of(0, 3, n=1)),
        ((0, 255), rows_of(-12, 280)),
        ((0, 1), rows_of(0, 0.01, n=1)),
        ((0, 1), rows_of(-0.28, 1.28)),
        ((0, 1), rows_of(0, 1, dtype="uint8")),
        ((-1, 1), rows_of(-1, -0.9, n=1)),
        ((-1, 1), rows_of(0, 0, n=1)),
        ((-1, 1), rows_of(0.5, 0.5)),
        ((-1, 1), rows_of(0.1, 1, n=1)),
        ((-1, 1), rows_of(-0.01, 1)),
        ((-1, 1), rows_of(-1.2, 1.2)),
        ((-0.8, 3.1), rows_of(0.1, 3)),
        ((-2.0, 2.5), rows_of(0, 1, n_features=30)),
        ((0, 1), rows_of(-1, 2, n_features=30)),
        ((0, 4095), rows_of(0, 40, dtype=int)),
        ((300, 300), rows_of(0, 900)),
        ((0, 1), rows_of(0, 0).take(np.arange(0))),
    ],
)
def test_ordinary_images_draw_none(fitted_on, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_outside(rows, fitted_on)


def test_prediction_warns_of_another_unit(make, lt5):
    X, y = lt5
    clf = make(epochs=1).fit(X / 127.5 - 1, y)
    clf.predict(X / 127.5 - 1)
    for one in X[:10] / 127.5 - 1:
        clf.predict(one[None])
    with pytest.warns(UserWarning, match="from 0 to 1, but .* range -1 to 1"):
        clf.predict(X / 255)
    with pytest.warns(UserWarning, match="from -1 to 1, but .* range 0 to 1"):
        make(epochs=1).fit(X / 255, y).predict(X / 127.5 - 1)


# -- Batches --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.5, 7.0])
def test_a_first_batch_that_does_not_tell_the_range(make, value):
    X, y = np.full((4, 8, 8), value), [0, 1, 0, 1]
    with pytest.raises(ValueError, match=rf"are {value:g}, .* for example pixel_range=\(0, 255\)"):
        make().partial_fit(X, y, classes=[0, 1])
    clf = make(pixel_range=(0, 255)).partial_fit(X, y, classes=[0, 1])
    assert clf.pixel_range_ == (0, 255)
    bright = np.random.default_rng(0).uniform(0, 255, X.shape)
    assert np.isfinite(clf.partial_fit(bright, y).predict_proba(bright)).all()


@pytest.mark.parametrize("dtype", ["uint8", "bool"])
def test_types_that_tell_the_range_of_a_first_batch(make, dtype):
    X = np.zeros((4, 8, 8), dtype)
    clf = make().partial_fit(X, [0, 1, 0, 1], classes=[0, 1])
    assert clf.pixel_range_ == (0, 255 if dtype == "uint8" else 1)


def test_a_later_batch_far_outside(make):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(0, 1, (4, 8, 8)), [0, 1, 0, 1]
    clf = make().partial_fit(X, y, classes=[0, 1])
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match=r"far outside the range 0 to 1 .* pixel_range="):
        clf.partial_fit(X * 255, y)
    assert_array_equal(clf.predict_proba(X), before)
    clf.partial_fit(X * 1.2 - 0.1, y)
    declared = make(pixel_range=(0, 1)).partial_fit(X, y, classes=[0, 1])
    with pytest.warns(UserWarning, match="reads the range 0 to 1"):
        declared.partial_fit(X * 3, y)


def test_a_range_that_was_changed_between_calls(make):
    X, y = np.random.default_rng(0).uniform(0, 1, (4, 8, 8)), [0, 1, 0, 1]
    clf = make(epochs=1, warm_start=True).fit(X, y)
    clf.set_params(pixel_range=[0, 1]).fit(X, y)
    with pytest.raises(ValueError, match=r"range of the first fit, \(0.0, 1.0\), but pixel_range="):
        clf.set_params(pixel_range=(0, 255)).fit(X, y)
    assert clf.set_params(warm_start=False).fit(X * 255, y).pixel_range_ == (0, 255)
