"""Pad and crop against NumPy: each image is shifted by whole pixels, and reflected."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._training.augmentation import parse_augmentation
from skfashion._training.augmentation_layers import build_augmentation_layers
from skfashion._training.random_crop import PadAndCrop


def crop(images, fraction, seed=0):
    layer = PadAndCrop(fraction)
    for variable in layer.variables:
        variable.assign(np.array([seed, 0], "uint32"))
    return np.array(layer(images, training=True))


@pytest.mark.parametrize(
    ("fraction", "shape", "largest"),
    [
        (0.1, (28, 20, 1), (3, 2)),
        (0.1, (30, 32, 3), (3, 4)),
        (0.5, (5, 4, 1), (3, 2)),
        (0.3, (1, 10, 2), (0, 3)),
    ],
)
def test_crops_are_those_of_padded_images(fraction, shape, largest):
    images = np.random.default_rng(0).random((400, *shape)).astype("float32")
    padding = [(0, 0), *((each, each) for each in largest), (0, 0)]
    padded = np.pad(images, padding, mode="reflect")
    windows = {
        (top, left): padded[:, top : top + shape[0], left : left + shape[1]]
        for top in range(2 * largest[0] + 1)
        for left in range(2 * largest[1] + 1)
    }
    shifts = set()
    for number, image in enumerate(crop(images, fraction)):
        fits = [shift for shift, all_ in windows.items() if np.array_equal(image, all_[number])]
        assert fits
        shifts.add(fits[0])
    # Each image has a shift of its own, and all shifts occur.
    assert shifts == set(windows)


def test_it_repeats_with_its_seed_and_is_off_in_inference():
    images = np.random.default_rng(0).random((50, 28, 28, 1))
    assert_array_equal(crop(images, 0.1), crop(images, 0.1))
    assert (crop(images, 0.1) != crop(images, 0.1, seed=1)).any()
    assert_array_equal(PadAndCrop(0.1)(images, training=False), images.astype("float32"))


def test_it_is_an_augmentation(make, lt5):
    assert parse_augmentation("crop") == (("crop", 0.1),)
    (layer,) = build_augmentation_layers(parse_augmentation({"crop": 0.2}))
    assert isinstance(layer, PadAndCrop)
    assert [name for name, _ in parse_augmentation(["erase", "crop", "flip"])] == [
        "flip",
        "crop",
        "erase",
    ]
    with pytest.raises(ValueError, match=r"augmentation\['crop'\] must .* at most 0.5, got 0.6"):
        parse_augmentation({"crop": 0.6})
    one, again, plain = (
        make(augmentation=augmentation).fit(*lt5).history_["loss"]
        for augmentation in ("crop", "crop", None)
    )
    assert one == again != plain
