"""EfficientNetB0's official file has constants of normalisation, which are ImageNet's."""

import keras
import numpy as np
import pytest
from keras import layers
from numpy.testing import assert_allclose

from skfashion import Backbone, BackboneFeatures
from skfashion._backbones.keras_applications import adapt
from tests.networks.test_weight_files import SHAPE, legacy_file, scatter

# Keras 3.15 saves with NumPy 2.4's deprecation warnings, and warns of its own `.h5` format.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras"),
]

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def small(images):
    """Return a model that begins as EfficientNetB0 does."""
    x = layers.Normalization(name="normalization")(layers.Rescaling(1 / 255)(images))
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="stem_conv")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    return keras.Model(images, layers.Activation("silu", name="stem_activation")(x))


SMALL = Backbone(
    "small", lambda images: adapt(small(images)), ("stem_conv", "stem_bn"), 32, channels=3
)


def efficientnet(images):
    return keras.applications.EfficientNetB0(
        weights=None, include_top=False, input_tensor=images, input_shape=SHAPE
    )


@pytest.mark.parametrize(
    ("backbone", "build"),
    [(SMALL, small), pytest.param("efficientnet_b0", efficientnet, marks=pytest.mark.slow)],
    ids=["small", "efficientnet_b0"],
)
def test_images_are_normalised_once(tmp_path, backbone, build):
    """The official file has standard deviations in place of variances."""
    photos = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype="uint8")
    model = build(keras.Input(SHAPE))
    scatter(model)
    (normalization,) = (x for x in model.layers if isinstance(x, layers.Normalization))
    normalization.set_weights([MEAN, STD, np.array(0)])
    path = legacy_file(model, tmp_path / "notop.h5")
    features = BackboneFeatures(backbone, weights=path).fit_transform(photos)
    # What Keras computes with weights="imagenet": a further division by the root of std.
    normalization.set_weights([MEAN, STD**2, np.array(0)])
    normalization.finalize_state()
    expected = model.predict(photos.astype("float32"), verbose=0).mean(axis=(1, 2))
    # Random weights of a deep network make features of any size.
    scale = np.abs(expected).max()
    assert np.ptp(expected, axis=0).mean() > max(0.3, 0.01 * scale)
    assert_allclose(features / scale, expected / scale, rtol=0, atol=1e-4)
