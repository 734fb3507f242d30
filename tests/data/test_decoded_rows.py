"""Rows that are decoded when they are read: once, in memory or in a file, in any order."""

import numpy as np
import pytest

from skfashion._data import buffers, chunks, decoded_rows
from skfashion._data.decoded_rows import DecodedRows
from skfashion._data.image_decoding import ImageDecoder
from skfashion._data.read_ahead import read_ahead

IMAGES = list(np.random.default_rng(0).integers(0, 255, (40, 9, 8, 3), dtype=np.uint8))
EXPECTED = np.stack(IMAGES).reshape(40, -1)


class CountingDecoder(ImageDecoder):
    def decode(self, source):
        self.__dict__.setdefault("decoded", []).append(id(source))
        return super().decode(source)


@pytest.fixture(params=["memory", "file", "nowhere"])
def rows(request, monkeypatch):
    if request.param != "memory":
        monkeypatch.setattr(chunks, "MOST_DECODED_BYTES", EXPECTED.nbytes - 1)
    if request.param == "nowhere":
        monkeypatch.setattr(buffers, "MOST_OF_FREE_DISK", 0)
    rows = DecodedRows(IMAGES, CountingDecoder((9, 8, 3), "crop"))
    rows.is_kept = request.param != "nowhere"
    return rows


@pytest.mark.parametrize(
    "indices",
    [
        slice(None),
        slice(3, 30, 4),
        np.array([5, 2, 2, 39, 5]),
        np.arange(40)[::-1],
        np.array([], int),
    ],
)
def test_any_order(rows, indices):
    for _ in range(2):
        assert np.array_equal(rows[indices], EXPECTED[indices])
    assert rows.shape == EXPECTED.shape


def test_each_image_is_decoded_once_where_there_is_room(rows):
    rows[:10], rows[5:20], rows[np.arange(40)[::-1]], rows[:]
    n_decoded = len(rows.decoder.decoded)
    assert n_decoded == (40 if rows.is_kept else 105)
    assert rows.is_slow == (not rows.is_kept)


def test_a_disk_that_is_full_when_the_file_is_made(monkeypatch):
    def fail(shape, dtype):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(chunks, "MOST_DECODED_BYTES", 1)
    monkeypatch.setattr(decoded_rows, "file_buffer", fail)
    rows = DecodedRows(IMAGES, ImageDecoder((9, 8, 3), "crop"))
    assert np.array_equal(rows[:], EXPECTED)


def test_what_cannot_be_decoded_is_named_by_its_row():
    images = [*IMAGES[:3], IMAGES[3].astype(float)]
    with pytest.raises(ValueError, match=r"1 of 4 .*image 3"):
        DecodedRows(images, ImageDecoder((9, 8, 3), "crop"))[:]


def test_a_subset_keeps_the_numbers_of_images():
    images = [*IMAGES[:3], IMAGES[3].astype(float)]
    rows = DecodedRows(images, ImageDecoder((9, 8, 3), "crop")).take(np.array([3, 1]))
    assert np.array_equal(rows[1:], EXPECTED[1:2])
    with pytest.raises(ValueError, match=r"1 of 4 .*image 3"):
        rows[:]


def test_reading_ahead_keeps_order_and_errors(rows):
    parts = [slice(start, start + 7) for start in range(0, 40, 7)]
    read = list(read_ahead((rows[part] for part in parts), rows))
    assert np.array_equal(np.concatenate(read), EXPECTED)

    def fail():
        yield 1
        raise ValueError("after one")

    ahead = read_ahead(fail(), DecodedRows(IMAGES, rows.decoder))
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="after one"):
        next(ahead)


def test_the_next_part_is_read_while_one_is_used():
    import threading

    is_second_read = threading.Event()

    def parts():
        yield 1
        is_second_read.set()
        yield 2

    ahead = read_ahead(parts(), DecodedRows(IMAGES, ImageDecoder((9, 8, 3), "crop")))
    assert next(ahead) == 1
    assert is_second_read.wait(10)
    assert list(ahead) == [2]
