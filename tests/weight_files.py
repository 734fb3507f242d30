"""Files of real pretrained weights, in a folder that the project does not ship."""

import os
from pathlib import Path

import pytest

WEIGHT_FILES = {
    "vgg16": "vgg16_imagenet_notop.weights.h5",
    "inception_v3": "inceptionv3_notop.weights.h5",
    "mobilenet_v2": "mobilenetv2_notop.weights.h5",
}


def require_weights(backbone):
    """Return the file of a backbone's weights; without the folder, skip the test."""
    folder = os.environ.get("SKFASHION_WEIGHTS")
    if not folder:
        pytest.skip("SKFASHION_WEIGHTS names no folder of pretrained weights")
    return Path(folder, WEIGHT_FILES[backbone])
