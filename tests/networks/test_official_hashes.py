"""Official weights have the addresses and hashes that Keras itself has.

Keras puts most addresses together from a base, the name of the model and an ending. The whole
address of MobileNetV2 is compared in `test_recorded_hash.py`.
"""

import inspect
import re
from importlib import import_module

import pytest

from skfashion._backbones.catalog import BUILT_IN

MODULES = {
    "vgg16": "vgg16",
    "resnet50": "resnet",
    "inception_v3": "inception_v3",
    "densenet121": "densenet",
    "efficientnet_b0": "efficientnet",
    "efficientnet_v2_b0": "efficientnet_v2",
    "mobilenet_v2": "mobilenet_v2",
    "convnext_tiny": "convnext",
}
OFFICIAL = {backbone.name: backbone.official for backbone in BUILT_IN if backbone.official}


def test_each_backbone_with_official_weights_is_compared():
    assert OFFICIAL.keys() == MODULES.keys()


@pytest.mark.parametrize("name", MODULES)
def test_address_and_hash_are_those_of_keras(name):
    module, official = import_module(f"keras.src.applications.{MODULES[name]}"), OFFICIAL[name]
    source = inspect.getsource(module)
    bases = [value for key, value in vars(module).items() if "PATH" in key and "http" in str(value)]
    assert any(official.url.startswith(base) for base in bases)
    if name != "mobilenet_v2":
        assert re.search(r"(_weights_\w+)?_notop\.h5$", official.file_name)[0] in source
        assert official.file_hash in source
