"""What a name that is nearly right, or a file of another kind, is answered with."""

import zipfile

import pytest

from skfashion import BackboneFeatures, TransferClassifier
from skfashion._messages import suggest, unknown_name_message

FORMATS = [".weights.h5", ".h5", ".keras", ".safetensors"]


def error_of(call):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("estimator", [TransferClassifier, BackboneFeatures])
@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("VGG16", "'vgg16'"),
        ("ResNet50", "'resnet50'"),
        ("EfficientNetV2B0", "'efficientnet_v2_b0'"),
        ("InceptionV3", "'inception_v3'"),
        ("MOBILENET_V2", "'mobilenet_v2'"),
    ],
)
def test_backbones_in_any_case(lt5, estimator, name, guess):
    message = error_of(lambda: estimator(name).fit(*lt5))
    assert f"Did you mean {guess}" in message


@pytest.mark.parametrize("weights", ["ImageNet", "IMAGENET", "image_net", "imagenet1k"])
def test_imagenet_in_any_case(lt5, weights):
    message = error_of(lambda: TransferClassifier("vgg16", weights=weights).fit(*lt5))
    assert f"weights='{weights}': there is no such file. Did you mean 'imagenet'?" in message


def test_a_missing_file_names_the_formats(lt5, tmp_path):
    message = error_of(lambda: TransferClassifier(weights=tmp_path / "none.pth").fit(*lt5))
    assert "there is no such file. Give" in message
    assert all(suffix in message for suffix in FORMATS)


def write_torch(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"x")


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".onnx", ".ckpt", ".npz", ""])
@pytest.mark.parametrize("write", [write_torch, lambda path: path.write_bytes(b"\x80\x02\x8a\nl")])
def test_a_file_of_another_kind_names_the_formats(lt5, tmp_path, suffix, write):
    path = tmp_path / f"body{suffix}"
    write(path)
    message = error_of(lambda: TransferClassifier(weights=path).fit(*lt5))
    assert message.startswith(f"weights='{path}' cannot be read: ")
    assert all(suffix in message for suffix in FORMATS)


@pytest.mark.parametrize(
    ("estimator", "parameter"), [(TransferClassifier, "freeze_until"), (BackboneFeatures, "layer")]
)
def test_an_unknown_point_lists_names_and_numbers(lt5, estimator, parameter):
    message = error_of(lambda: estimator(**{parameter: "all"}).fit(*lt5))
    assert f"{parameter}='all' is not one of ['conv1', 'conv2', 'features'" in message
    for number in ("0 is None", "1 is 'conv1'", "2 is 'features' (the whole body)"):
        assert number in message
    message = error_of(lambda: estimator(**{parameter: "Conv1"}).fit(*lt5))
    assert "Did you mean 'conv1' or 'conv2'?" in message


def test_suggestions_keep_the_case_of_the_name():
    assert suggest("CONV", ["Conv", "pool"]) == " Did you mean 'Conv'?"
    assert suggest("conv", ["conv", "CONV"]) == " Did you mean 'conv'?"
    assert suggest("xyz", ["conv"]) == ""
    assert unknown_name_message("p", 3, ["a"]) == "p=3 is not one of ['a']."
