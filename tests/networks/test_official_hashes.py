"""Official weights have the addresses and hashes that Keras itself has."""

import inspect
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
    assert any(official.url.startswith(base) for base in bases) or official.url in source
    if official.file_hash is not None:
        assert official.file_hash in source
