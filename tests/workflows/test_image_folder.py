"""From a folder of files to a search in other processes and on a cluster."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images
from sklearn.model_selection import GridSearchCV, cross_val_score

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample, load_image_folder
from tests.weight_files import require_weights

ENDINGS = ("jpg", "png", "webp", "bmp", "tif", "gif")
SMALL = {"input_size": 16, "epochs": 1, "random_state": 0}


def save_in_all_formats(image, place, number):
    """Save an image in one of the formats, and in some with an orientation."""
    place.mkdir(exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = number % 8 + 1
    options = {"exif": exif} if number % 6 in (0, 1, 2) else {}
    image.save(place / f"{number:02} a.{ENDINGS[number % 6]}", **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photo\'s "folder" ü')
    fashion = load_fashion_sample()
    for number in range(24):
        label = fashion.target_names[fashion.target[number] % 2].replace("/", " or ")
        image = Image.fromarray(fashion.data[number]).resize((28 + number, 70 - number))
        save_in_all_formats(image, folder / label, number)
    return folder


def decode(path):
    """Return the upright image of a file. A fit decodes JPEG files of these sizes in full, too."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Return a folder with crops of a temple and of a flower, of many sizes."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for number in range(48):
        photograph = Image.fromarray(load_sample_images().images[number % 2])
        width, height = rng.integers(120, 240, 2)
        left, top = rng.integers((photograph.width - width, photograph.height - height))
        crop = photograph.crop((left, top, left + width, top + height))
        save_in_all_formats(crop, folder / ("temple", "flower")[number % 2], number)
    return folder


def test_a_folder_becomes_a_classifier(folder):
    X, y = load_image_folder(folder, return_X_y=True)
    images = [decode(path) for path in X]
    scores, expected = (
        cross_val_score(TransferClassifier(**SMALL), x, y, cv=2) for x in (X, images)
    )
    assert_array_equal(scores, expected)
    on_files, on_images = (TransferClassifier(**SMALL).fit(x, y) for x in (X, images))
    assert_array_equal(on_files.classes_, ["T-shirt or top", "Trouser"])
    assert_array_equal(on_files.predict_proba(X), on_images.predict_proba(images))


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_over_backbone_and_freeze_point(photographs, n_jobs):
    grid = [
        {"backbone": [name], "weights": [require_weights(name)], "freeze_until": [1, "features"]}
        for name in ("mobilenet_v2", "vgg16")
    ]
    X, y = load_image_folder(photographs, return_X_y=True)
    clf = TransferClassifier(input_size=64, random_state=0)
    found = GridSearchCV(clf, grid, cv=2, error_score="raise", n_jobs=n_jobs).fit(X, y)
    assert found.best_score_ > 0.9
    assert set(found.predict(X[:3])) <= set(y)
