"""Paths and labels from real folders of small image files."""

import os
import subprocess
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.utils import Bunch

from skfashion.datasets import load_image_folder
from skfashion.datasets._image_folder import IMAGE_EXTENSIONS


def write_image(path, kind=None):
    """Write a grey image of 2 x 2 pixels, in the format of the name's ending."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (2, 2), 100).save(path, format=kind)


@pytest.fixture
def folder(tmp_path):
    """A folder of two classes, with two images each."""
    for name in ("bag/1.png", "bag/2.png", "shoe/1.png", "shoe/2.png"):
        write_image(tmp_path / name)
    return tmp_path


def names(folder, data):
    """Paths below a folder, with `/` between folders."""
    return [Path(path).relative_to(folder).as_posix() for path in data]


def loaded(folder, **params):
    return names(folder, load_image_folder(folder, **params).data)


# -- What is returned ----------------------------------------------------------------------


def test_a_bunch_of_absolute_paths_and_names(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    bunch = load_image_folder(folder.name)
    assert isinstance(bunch, Bunch)
    assert names(folder, bunch.data) == ["bag/1.png", "bag/2.png", "shoe/1.png", "shoe/2.png"]
    assert all(Path(path).is_absolute() for path in bunch.data)
    assert_array_equal(bunch.target, ["bag", "bag", "shoe", "shoe"])
    assert bunch.data.dtype.kind == bunch.target.dtype.kind == "U"
    assert bunch.target_names == ["bag", "shoe"]
    for part in (repr(str(folder)), "Files: 4", "Classes: 2", "- 'bag': 2\n- 'shoe': 2\n"):
        assert part in bunch.DESCR
    data, target = load_image_folder(str(folder), return_X_y=True)
    assert_array_equal(data, bunch.data)
    assert_array_equal(target, bunch.target)


def test_the_users_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert len(load_image_folder(f"~/{folder.name}").data) == 4


def test_nothing_is_decoded(folder):
    (folder / "bag" / "1.png").write_bytes(b"")
    assert len(load_image_folder(folder).data) == 4


def test_nested_folders_belong_to_their_class_and_paths_are_sorted_by_character(folder):
    for name in ("bag/a/b/x.png", "bag/a.png", "bag/a-b/x.png", "bag-2/x.png"):
        write_image(folder / name)
    bunch = load_image_folder(folder)
    expected = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    assert names(folder, bunch.data) == expected
    assert expected[:4] == ["bag-2/x.png", "bag/1.png", "bag/2.png", "bag/a-b/x.png"]
    assert_array_equal(bunch.target, [name.split("/")[0] for name in expected])
    assert bunch.target_names == ["bag", "bag-2", "shoe"]


def test_what_is_hidden_or_no_image_is_left_out(folder):
    for name in (".git/x.png", "__MACOSX/x.png", "bag/.hidden.png", "bag/.cache/x.png"):
        write_image(folder / name)
    write_image(folder / "bag/__MACOSX/._1.png", "png")
    write_image(folder / "of_no_class.png")
    for name in ("bag/Thumbs.db", "bag/png", "shoe/notes.txt"):
        (folder / name).write_bytes(b"x")
    assert loaded(folder) == ["bag/1.png", "bag/2.png", "shoe/1.png", "shoe/2.png"]


NAMES = [
    "two words",
    'it\'s "quoted"',
    "größe ねこ",
    unicodedata.normalize("NFD", "é"),
    "line\nbreak",
    os.fsdecode(b"not \xff utf-8"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have all these names")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name(folder, name):
    write_image(f"{folder}/{name}/{name}.png")
    bunch = load_image_folder(folder, verify=True)
    assert name in bunch.target_names
    assert Path(bunch.data[bunch.target == name][0]).is_file()
    assert load_image_folder(folder, categories=["bag", name]).target_names == sorted(["bag", name])
    bunch.DESCR.encode()
    assert f"- {name!r}: 1\n" in bunch.DESCR
    Path(bunch.data[bunch.target == name][0]).write_bytes(b"")
    with pytest.raises(ValueError, match="1 of 5 images") as failure:
        load_image_folder(folder, verify=True)
    str(failure.value).encode()


# -- Links ---------------------------------------------------------------------------------


def test_links_to_files_and_folders_are_followed(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_image(elsewhere / "far" / "x.png")
    (folder / "bag" / "link.png").symlink_to(elsewhere / "far" / "x.png")
    (folder / "bag" / "more").symlink_to(elsewhere, target_is_directory=True)
    (folder / "hat").symlink_to(elsewhere / "far", target_is_directory=True)
    found = loaded(folder, verify=True)
    assert found[2:5] == ["bag/link.png", "bag/more/far/x.png", "hat/x.png"]


def test_circles_of_links_end(folder):
    write_image(folder / "bag/a/x.png")
    write_image(folder / "bag/b/y.png")
    for name, target in {
        "bag/self": "bag",
        "bag/root": ".",
        "bag/a/to_b": "bag/b",
        "bag/b/to_a": "bag/a",
        "all": ".",
    }.items():
        (folder / name).symlink_to(folder / target, target_is_directory=True)
    with pytest.warns(UserWarning, match=r"not classes: \['all'\]"):
        found = loaded(folder)
    assert found == [
        *("bag/1.png", "bag/2.png", "bag/a/x.png", "bag/b/y.png"),
        *("shoe/1.png", "shoe/2.png"),
    ]


def test_a_link_to_another_class_is_read_in_both(folder):
    (folder / "bag" / "shoes").symlink_to(folder / "shoe", target_is_directory=True)
    assert loaded(folder)[2:4] == ["bag/shoes/1.png", "bag/shoes/2.png"]
    assert load_image_folder(folder).target.tolist() == ["bag"] * 4 + ["shoe"] * 2


@pytest.mark.parametrize("target", ["nowhere.png", "link.png"])
def test_a_broken_link_is_taken_and_verify_reports_it(folder, target):
    (folder / "bag" / "link.png").symlink_to(target)
    assert "bag/link.png" in loaded(folder)
    fault = r"bag/link\.png': (No such file|Too many levels of symbolic links)"
    with pytest.raises((FileNotFoundError, ValueError), match=fault):
        load_image_folder(folder, verify=True)


# -- Categories and extensions -------------------------------------------------------------


def test_categories(folder):
    write_image(folder / "hat" / "1.png")
    for categories in (["shoe", "hat"], np.array(["hat", "shoe"]), {"hat", "shoe"}):
        bunch = load_image_folder(folder, categories=categories)
        assert bunch.target_names == ["hat", "shoe"]
        assert len(bunch.data) == 3
    with pytest.raises(ValueError, match=r"categories='Shoes' is not one of .*mean 'shoe'\?"):
        load_image_folder(folder, categories=["hat", "Shoes"])
    with pytest.raises(ValueError, match=r"categories is empty.*\['bag', 'hat', 'shoe'\]"):
        load_image_folder(folder, categories=[])
    with pytest.raises(ValueError, match="'categories' parameter"):
        load_image_folder(folder, categories="hat")


def test_images_of_every_usual_ending_are_read(folder):
    written = [f"bag/x{ending}" for ending in (*IMAGE_EXTENSIONS, ".JPG", ".Png")]
    kinds = {".jfif": "jpeg"}
    for name in written:
        write_image(folder / name, kinds.get(Path(name).suffix))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(loaded(folder, verify=True)) >= set(written)


@pytest.mark.parametrize("extensions", [[".png"], ["PNG"], np.array([".Png"]), {".png", "png"}])
def test_extensions(folder, extensions):
    write_image(folder / "bag/x.PNG")
    write_image(folder / "bag/x.jpg")
    found = loaded(folder, extensions=extensions)
    assert "bag/x.PNG" in found
    assert "bag/x.jpg" not in found


def test_an_extension_that_is_not_among_the_usual_ones(folder):
    for name in ("bag/x.scan.tga", "shoe/x.scan.tga"):
        write_image(folder / name)
    assert loaded(folder, extensions=["scan.tga"]) == ["bag/x.scan.tga", "shoe/x.scan.tga"]


@pytest.mark.parametrize("extension", ["", ".", "*.png", "a/b", 3])
def test_what_is_no_extension(folder, extension):
    with pytest.raises(ValueError, match=r"extensions has .*not an ending.*\[\"\.png\"\]"):
        load_image_folder(folder, extensions=[".jpg", extension])


def test_extensions_are_a_list(folder):
    with pytest.raises(ValueError, match="extensions is empty"):
        load_image_folder(folder, extensions=[])
    with pytest.raises(ValueError, match="'extensions' parameter"):
        load_image_folder(folder, extensions=".png")


# -- Folders that cannot be loaded ---------------------------------------------------------


def test_no_such_folder(folder):
    with pytest.raises(FileNotFoundError, match=r"bags': there is no such folder\. Give the path"):
        load_image_folder(folder / "bags")


def test_a_file(folder):
    (folder / "all.zip").write_bytes(b"PK")
    with pytest.raises(NotADirectoryError, match=r"all\.zip' is a file\. Unpack it"):
        load_image_folder(folder / "all.zip")


@pytest.mark.parametrize("url", ["https://example.org/a.zip", "s3://bucket/a", "file:///tmp"])
def test_a_url(url):
    with pytest.raises(ValueError, match="is a URL, and nothing is downloaded"):
        load_image_folder(url)


@pytest.mark.parametrize("subfolder", [None, "annotations"])
@pytest.mark.parametrize("categories", [None, ["annotations"]])
def test_a_flat_folder(tmp_path, subfolder, categories):
    write_image(tmp_path / "1.png")
    if subfolder:
        (tmp_path / subfolder).mkdir()
    with pytest.raises(ValueError, match="Put each class into a subfolder, or build lists of path"):
        load_image_folder(tmp_path, categories=categories)


def test_no_image(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.jpg, .*\.ppm\. There are no other files"):
        load_image_folder(tmp_path)
    for name in ("a/1.heic", "b/2.HEIC", "b/3.txt", "b/README"):
        Path(tmp_path, name).parent.mkdir(exist_ok=True)
        Path(tmp_path, name).write_bytes(b"x")
    message = r"ends in \.png\. .* are \.heic \(2\), \.txt \(1\), no ending \(1\)\. Name .*extens"
    with pytest.raises(ValueError, match=message):
        load_image_folder(tmp_path, extensions=["png"])


def test_one_class(folder):
    message = "images in one subfolder only, 'bag', and a classifier needs two classes"
    with pytest.raises(ValueError, match=message):
        load_image_folder(folder, categories=["bag"])


def test_a_subfolder_without_images(folder):
    (folder / "hat").mkdir()
    (folder / "hat" / "1.heic").write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"not classes: \['hat'\]\. Name the subf") as record:
        bunch = load_image_folder(folder)
    assert record[0].filename == __file__
    assert bunch.target_names == ["bag", "shoe"]
    with pytest.raises(ValueError, match=r"have no images: \['hat'\]\. Leave them out"):
        load_image_folder(folder, categories=["hat", "bag", "shoe"])
    assert load_image_folder(folder, categories=["bag", "shoe"]).target_names == ["bag", "shoe"]


# -- verify --------------------------------------------------------------------------------


def test_verify_names_the_first_broken_files_with_reasons(folder):
    write_image(folder / "bag/0large.ppm")
    (folder / "bag/0large.ppm").write_bytes(b"P6 100000 100000 255\n")
    (folder / "bag/1.png").write_bytes(b"")
    (folder / "bag/2.png").write_bytes(b"<html>")
    for n in range(3, 8):
        (folder / f"bag/{n}.png").write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match="8 of 10 images cannot be read") as failure:
        load_image_folder(folder, verify=True)
    *named, rest = str(failure.value).split(")")[0].split("; ")
    assert len(named) == 5
    assert rest == "..."
    for fault, name, reason in zip(
        named,
        ("0large.ppm", "1.png", "2.png"),
        ("more pixels", "empty", "not an image"),
        strict=False,
    ):
        assert f"{name}': it " in fault
        assert reason in fault


def test_verify_reads_no_pixels(folder):
    path = folder / "bag/1.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:200])
    assert len(load_image_folder(folder, verify=True).data) == 4


WITHOUT_PILLOW = """
import sys
sys.modules["PIL"] = None
from skfashion.datasets import load_image_folder
print(len(load_image_folder(sys.argv[1]).data))
load_image_folder(sys.argv[1], verify=True)
"""


def test_only_verify_needs_pillow_and_nothing_needs_tensorflow(folder):
    program = WITHOUT_PILLOW + "\nassert False"
    program = program.replace("sys.modules", "sys.modules['tensorflow'] = None\nsys.modules", 1)
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "4\n"
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "ModuleNotFoundError: Images are read from files and resized by Pillow, which"
    )
    assert "skfashion[images]" in last
