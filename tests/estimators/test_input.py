"""Images in every shape and type that the estimator takes."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.class_split import GTE5


def test_predictions(fitted, fashion):
    X, _ = fashion
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (200, 5)
    assert probabilities.dtype == np.float32
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert_array_equal(fitted.predict(X), fitted.classes_[probabilities.argmax(axis=1)])


@pytest.mark.parametrize(
    "view",
    [
        lambda X: X[..., None],
        lambda X: X.reshape(len(X), -1),
        lambda X: X.astype(np.float64),
        lambda X: X.tolist(),
        lambda X: np.asfortranarray(X),
    ],
    ids=["channels", "flat", "float", "list", "fortran"],
)
def test_images_are_the_same_however_they_come(fitted, fashion, view):
    X = fashion[0][:7]
    assert_array_equal(fitted.predict_proba(view(X)), fitted.predict_proba(X))


def test_fitted_on_flat_rows_predicts_images(make, fitted, fashion):
    X, y = fashion
    flat = make(pretrain_classes=GTE5).fit(X.reshape(len(X), -1), y)
    assert flat.image_shape_ == (14, 14, 1)
    assert_array_equal(flat.predict_proba(X), fitted.predict_proba(X))


def test_range_of_pixels_is_that_of_fit(make, lt5):
    X, y = lt5[0] / 100.0 - 1, lt5[1]
    clf = make(epochs=1).fit(X, y)
    assert clf.pixel_range_ == (X.min(), X.max())
    dark = np.minimum(X, 0.5)
    both = np.concatenate([dark[:5], X])
    assert_array_equal(clf.predict_proba(dark[:5]), clf.predict_proba(both)[:5])


def test_data_frame_and_memmap(make, fashion, tmp_path):
    X, y = fashion
    frame = pd.DataFrame(X.reshape(len(X), -1)).add_prefix("pixel")
    clf = make(epochs=1).fit(frame, pd.Series(y))
    assert_array_equal(clf.feature_names_in_, frame.columns)
    memmap = np.memmap(tmp_path / "X", dtype=np.uint8, mode="w+", shape=X.shape)
    memmap[:] = X
    memory = make(epochs=1).fit(memmap, y)
    assert_array_equal(memory.predict_proba(memmap), clf.predict_proba(frame))


def test_colour_images_and_small_ones(make, lt5):
    X, y = lt5
    colour = np.repeat(X[..., None], 3, axis=3)
    assert make(epochs=1).fit(colour, y).image_shape_ == (14, 14, 3)
    small = make(epochs=1).fit(X[:, 5:10, 5:11], y)
    assert small.image_shape_ == (5, 6, 1)
    assert small.predict_proba(X[:, 5:10, 5:11]).shape == (100, 5)


def test_input_size_resizes_in_the_network(make, lt5):
    X, y = lt5
    clf = make(epochs=1, input_size=9).fit(X, y)
    assert clf.image_shape_ == (14, 14, 1)
    assert clf.model_.get_layer("network").get_layer("resize").output.shape[1:3] == (9, 9)


def test_image_shape_folds_rows(make, lt5):
    X, y = lt5
    flat = X.reshape(len(X), -1)
    assert make(epochs=1, image_shape=(7, 28)).fit(flat, y).image_shape_ == (7, 28, 1)


def test_numbers_of_numpy_are_numbers(make, lt5):
    numbers = {
        "hidden_units": np.int64(19),
        "dropout": np.float64(0.25),
        "input_size": np.int32(9),
        "augmentation": {"rotate": np.float32(3)},
        "freeze_until": np.int64(1),
        "batch_size": np.int16(64),
    }
    assert make(epochs=1, **numbers).fit(*lt5).freeze_point_ == "conv1"
    with pytest.raises(ValueError, match="freeze_until=True is neither a name nor a number"):
        make(freeze_until=True).fit(*lt5)


@pytest.mark.parametrize("method", ["predict_proba", "predict", "score"])
def test_unit_floats_on_a_byte_fit_draw_a_warning(fitted, fashion, method):
    X, y = fashion
    arguments = (X / 255, y) if method == "score" else (X / 255,)
    with pytest.warns(UserWarning, match=r"values from 0 to 1, but .* range 0 to 255") as record:
        getattr(fitted, method)(*arguments)
    assert record[0].filename == __file__
