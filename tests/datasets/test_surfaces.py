"""The bundled folder of photographs."""

import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skfashion.datasets import get_surfaces_folder, load_image_folder

ROOT = Path(__file__).parents[2]


def test_the_folder_has_three_classes_of_readable_photographs():
    X, y = load_image_folder(get_surfaces_folder(), verify=True, return_X_y=True)
    assert Counter(y.tolist()) == {"brick": 36, "grass": 36, "gravel": 36}
    for path in X:
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert image.mode == "L"
            assert all(64 <= side <= 85 for side in image.size)


def test_no_photograph_is_there_twice():
    files = sorted(get_surfaces_folder().rglob("*.jpg"))
    assert len({path.read_bytes() for path in files}) == len(files) == 108


def test_bundled_data_leaves_room_in_a_wheel_of_four_megabytes():
    data = get_surfaces_folder().parent
    sizes = [path.stat().st_size for path in data.rglob("*") if path.is_file()]
    assert sum(sizes) < 3_200_000


def test_the_licence_names_the_source_of_each_photograph():
    text = (get_surfaces_folder().parent / "LICENSE.surfaces").read_text()
    assert "CC0" in text
    for source in ("tex=Bricks25", "Grass-01-434853879", "tex=Gravel04"):
        assert source in text


def test_the_licences_of_all_data_are_licence_files_of_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    licences = sorted((ROOT / "skfashion").rglob("LICENSE*"))
    named = {ROOT / name for name in project["license-files"]}
    assert named == {ROOT / "LICENSE", *licences}


@pytest.mark.parametrize("name", ["brick", "grass", "gravel"])
def test_photographs_of_a_class_are_parts_of_the_picture_that_is_named(name):
    """scikit-image is in the extra `bench`; the suite runs without it as well."""
    skimage_data = pytest.importorskip("skimage.data")
    feature = pytest.importorskip("skimage.feature")
    picture = getattr(skimage_data, name)()
    with Image.open(get_surfaces_folder() / name / f"{name}-01.jpg") as image:
        assert feature.match_template(picture, np.asarray(image)).max() > 0.98
