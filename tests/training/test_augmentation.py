"""Each random change does what it is called."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion._data.lazy_images import ImageFormat
from skfashion._data.row_subset import RowSubset
from skfashion._training.augmentation import parse_augmentation, split_off_flips
from skfashion._training.augmentation_layers import build_augmentation_layers


@pytest.fixture
def augmented():
    """Return the images that a change makes of one image, several times."""

    def augmented(augmentation, n_images=40):
        image = np.zeros((1, 32, 32, 1), "float32")
        image[:, 8:16, 4:24] = 200  # off the middle, and wider than high
        changed = np.repeat(image, n_images, axis=0)
        flips, others = split_off_flips(parse_augmentation(augmentation))
        changed = flips.apply(changed, np.arange(n_images) % len(flips))
        for number, layer in enumerate(build_augmentation_layers(others)):
            for state in layer.variables:
                state.assign(np.array([number, 0], "uint32"))
            changed = layer(changed, training=True)
        return image[0], np.array(changed)

    return augmented


@pytest.mark.parametrize(
    ("amount", "axes"), [("horizontal", [1]), ("vertical", [0]), ("both", [0, 1, (0, 1)])]
)
def test_flips(augmented, amount, axes):
    image, changed = augmented({"flip": amount}, n_images=60)
    expected = [image, *(np.flip(image, axis) for axis in axes)]
    kinds = [next(n for n, one in enumerate(expected) if np.array_equal(one, c)) for c in changed]
    assert set(kinds) == set(range(len(expected)))
    flips, _ = split_off_flips(parse_augmentation({"flip": amount}))
    rows = RowSubset(image.reshape(1, -1))
    images = ImageFormat(image.shape, (0.0, 255.0)).lazy_images(rows, "float32")
    for number, one in enumerate(changed[: len(flips)]):
        assert_array_equal(flips.variant(images, number)[:][0], one)


def centre(image):
    rows, columns = np.indices(image.shape[:2])
    weight = image[..., 0] / image.sum()
    return np.array([(rows * weight).sum(), (columns * weight).sum()])


def extent(image):
    return [np.ptp(np.flatnonzero(image[..., 0].sum(axis=axis) > 300)) for axis in (1, 0)]


def test_rotation_turns_and_keeps_the_area(augmented):
    image, changed = augmented({"rotate": 90})
    heights = [extent(one)[0] for one in changed]
    assert max(heights) > 18 > extent(image)[0] + 8
    small = augmented({"rotate": 5})[1]
    assert max(extent(one)[0] for one in small) < 14
    for one in changed:
        assert_allclose(one.sum(), image.sum(), rtol=0.25)


def test_shift_moves_the_centre_no_further_than_asked(augmented):
    image, changed = augmented({"shift": 0.1})
    moves = np.array([centre(one) - centre(image) for one in changed])
    # The rectangle stays inside the image.
    assert 1 < np.abs(moves).max() < 0.1 * 32 + 0.1
    assert (moves.min(axis=0) < -0.5).all()
    assert (moves.max(axis=0) > 0.5).all()


def test_zoom_changes_the_size_both_ways(augmented):
    image, changed = augmented({"zoom": 0.3})
    areas = np.array([one.sum() for one in changed]) / image.sum()
    assert (1 / 1.3) ** 2 - 0.03 < areas.min() < 0.85
    assert 1.1 < areas.max() < (1 / 0.7) ** 2 + 0.1


def test_erasing_changes_a_part_of_some_images(augmented):
    image, changed = augmented({"erase": 0.75}, n_images=400)
    touched = np.array([(one != image).mean() for one in changed])
    assert_allclose((touched > 0).mean(), 0.75, atol=0.08)
    assert touched.max() < 0.6


def test_changes_are_made_in_one_order():
    names = ["erase", "flip", "zoom"]
    assert [name for name, _ in parse_augmentation(names)] == ["flip", "zoom", "erase"]
    assert parse_augmentation({"rotate": None}) == (("rotate", 15.0),)
    assert_array_equal(build_augmentation_layers(parse_augmentation(None)), [])
