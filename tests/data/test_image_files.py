"""Files that cannot be read: the error names them, and comes before a pixel is decoded."""

import os
import re

import numpy as np
import pytest
from PIL import Image

from skfashion import TransferClassifier
from skfashion._data.image_files import check_image_headers


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.png"
    Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10)).save(path)
    return path


def bomb_header(width, height):
    """Return the beginning of a PNG file of this size."""
    import struct
    import zlib

    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 9) + b"IDAT"


FAULTS = {
    "empty": (b"", "it is empty"),
    "text": (b"no image at all", "not an image of the formats JPEG, PNG"),
    "postscript": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "not an image of the formats",
    ),
    "bomb": (bomb_header(50_000, 50_000), "more pixels than Pillow's limit"),
    "large": (bomb_header(10_000, 10_000), r"10000 x 10000 pixels, more than Pillow's limit"),
}


# Outside the tests, Pillow only warns about images of up to twice its limit.
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_header_tells(tmp_path, good, fault):
    content, message = FAULTS[fault]
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"1 of 3 images.*bad\.png': .*{message}"):
        check_image_headers([good, path, good])


def test_what_is_no_file(tmp_path, good):
    with pytest.raises(FileNotFoundError, match=r"1 of 2 .*no\.png': No such file"):
        check_image_headers([good, tmp_path / "no.png"])
    with pytest.raises(ValueError, match="it is a folder"):
        check_image_headers([good, tmp_path])
    with pytest.raises(ValueError, match="embedded null"):
        check_image_headers([good, "a\0b.png"])
    with pytest.raises(ValueError, match="it is a URL: download the file"):
        check_image_headers([good, "s3://bucket/a.png"])


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_a_header_tells_that_black_and_white_are_not_defined(tmp_path, good, dtype):
    Image.fromarray(np.zeros((4, 4), dtype)).save(tmp_path / "deep.tif")
    with pytest.raises(ValueError, match=r"1 of 2 .*deep\.tif': .*32-bit pixels .*8 or 16 bits"):
        check_image_headers([good, tmp_path / "deep.tif"])
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.pgm")
    check_image_headers([good, tmp_path / "deep.pgm"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match="not a regular file"):
        check_image_headers([tmp_path / "pipe.png"])


def test_the_first_files_are_named(tmp_path, good):
    missing = [tmp_path / f"{number}.png" for number in range(7)]
    (tmp_path / "6.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"7 of 8 .*0\.png.*4\.png.*; \.\.\.\)\. Repair") as caught:
        check_image_headers([good, *missing])
    assert "5.png" not in str(caught.value)


@pytest.mark.parametrize("name", ["a b.png", 'it\'s "quoted".png', "grün 图.png", "two\nlines.png"])
def test_names_of_files(tmp_path, good, name):
    path = good.rename(tmp_path / name)
    check_image_headers([path, str(path)])
    with pytest.raises(FileNotFoundError, match=re.escape(repr(str(path) + "x"))):
        check_image_headers([str(path) + "x"])


def test_a_bad_file_ends_a_fit_before_training_and_leaves_the_estimator(tmp_path, good):
    clf = TransferClassifier(epochs=1, input_size=16, random_state=0)
    clf.fit([good] * 8, [0, 1] * 4)
    expected = clf.predict_proba([good])
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 of 8 .*bad\.png"):
        clf.fit([*[good] * 7, tmp_path / "bad.png"], [0, 1] * 4)
    assert np.array_equal(clf.predict_proba([good]), expected)
    with pytest.raises(ValueError, match=r"bad\.png"):
        clf.predict([tmp_path / "bad.png"])


def test_a_truncated_file_is_named_when_it_is_decoded(tmp_path, good):
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.jpg")
    content = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    check_image_headers([tmp_path / "cut.jpg"])
    clf = TransferClassifier(epochs=1, input_size=16)
    with pytest.raises(ValueError, match=r"1 of 4 .*cut\.jpg': .*truncated"):
        clf.fit([good, good, good, tmp_path / "cut.jpg"], [0, 1, 0, 1])
