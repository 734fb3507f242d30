"""Networks do not depend on the dtype policy that the user has set in Keras."""

import keras
import pytest
from numpy.testing import assert_array_equal

from skfashion import Backbone
from skfashion.inspection import grad_cam


@pytest.fixture
def int8_policy():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("int8_from_float32")
    yield
    keras.config.set_dtype_policy(before)


def make_tiny(name):
    """Return a backbone that no other fit has built."""

    def build(images):
        return keras.layers.Conv2D(4, 3, strides=4, activation="relu", name="conv")(images)

    return Backbone(name, build=build, stages=("conv",), min_size=8)


def test_a_probe_and_grad_cam_under_a_quantized_policy(make, lt5, int8_policy):
    X, y = lt5
    params = {"head_init": "probe", "hidden_units": 0, "epochs": 1}
    clf = make(backbone=make_tiny("quantized"), **params).fit(X, y)
    heatmaps = grad_cam(clf, X[:4], layer="conv")
    keras.config.set_dtype_policy("float32")
    expected = make(backbone=make_tiny("plain"), **params).fit(X, y)
    assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    assert_array_equal(heatmaps, grad_cam(expected, X[:4], layer="conv"))
