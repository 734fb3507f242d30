"""Paths of the benchmarks' pretrained weights."""

import os
from pathlib import Path

FILES = {
    "vgg16": "vgg16_imagenet_notop.weights.h5",
    "inception_v3": "inceptionv3_notop.weights.h5",
    "mobilenet_v2": "mobilenetv2_notop.weights.h5",
}


def name_of_weights(backbone):
    """Return the name of the file that `weights_of` returns, or "imagenet"."""
    return Path(weights_of(backbone)).name


def weights_of(backbone):
    """Return a file in the folder that SKFASHION_WEIGHTS names; without one, "imagenet"."""
    folder = os.environ.get("SKFASHION_WEIGHTS")
    return Path(folder, FILES[backbone]) if folder else "imagenet"
