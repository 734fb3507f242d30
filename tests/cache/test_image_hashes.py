"""Images are known to a store by their pixels, and found by the bytes of their files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, features

from skfashion._cache import image_hashes
from skfashion._cache.hashing import hash_rows
from skfashion._cache.image_hashes import hash_images
from skfashion._cache.store import Store
from skfashion._data.decoded_rows import DecodedRows
from skfashion._data.image_decoding import ImageDecoder
from skfashion._data.lazy_images import ImageFormat
from skfashion._data.row_subset import RowSubset

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 9, 9, 3), dtype=np.uint8)


@pytest.fixture
def paths(tmp_path):
    paths = [str(tmp_path / f"{number}.png") for number in range(len(PIXELS))]
    for path, image in zip(paths, PIXELS, strict=True):
        Image.fromarray(image).save(path)
    return paths


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "memory")
    store.make_location()
    return store


def lazy(sources, **options):
    rows = DecodedRows(sources, ImageDecoder((9, 9, 3), **{"resize": "crop", **options}))
    return ImageFormat((9, 9, 3), (0.0, 255.0)).lazy_images(RowSubset(rows), "float32")


def is_decoded(images):
    return images.rows.array._is_decoded


def test_hashes_are_those_of_pixels(store, paths):
    expected = hash_rows(PIXELS)
    for sources in (paths, list(PIXELS)):
        assert np.array_equal(hash_images(lazy(sources), store), expected)


def test_a_file_that_the_store_knows_is_not_decoded(store, paths, tmp_path):
    hash_images(lazy(paths), store)
    (tmp_path / "moved").mkdir()
    moved = [shutil.move(path, tmp_path / "moved") for path in paths]
    again = lazy(moved[::-1])
    subset = again.take(np.array([3, 5]))
    assert np.array_equal(hash_images(subset, store), hash_rows(PIXELS[::-1][[3, 5]]))
    assert np.array_equal(hash_images(again, store), hash_rows(PIXELS[::-1]))
    assert not is_decoded(again).any()


@pytest.mark.parametrize(("n_files", "is_stored"), [(15, False), (16, True)])
def test_hashes_of_few_files_are_not_worth_a_file(store, paths, n_files, is_stored):
    for _ in range(2):
        images = lazy(paths[:n_files])
        assert np.array_equal(hash_images(images, store), hash_rows(PIXELS[:n_files]))
    assert is_decoded(images).all() != is_stored


def test_a_file_with_other_pixels_is_decoded(store, paths):
    hash_images(lazy(paths), store)
    Image.fromarray(255 - PIXELS[4]).save(paths[4])
    images = lazy(paths)
    assert np.array_equal(hash_images(images, store)[4], hash_rows(255 - PIXELS[4:5])[0])
    assert np.flatnonzero(is_decoded(images)).tolist() == [4]


def invert(paths):
    for path, image in zip(paths, PIXELS, strict=False):
        Image.fromarray(255 - image).save(path)


def test_files_that_changed_after_decoding_do_not_enter_the_store(store, paths):
    decoded = lazy(paths)
    decoded[:]
    invert(paths)
    # The pixels of this call are still those that it decoded.
    assert np.array_equal(hash_images(decoded, store), hash_rows(PIXELS))
    assert np.array_equal(hash_images(lazy(paths), store), hash_rows(255 - PIXELS))
    assert np.array_equal(hash_images(decoded, store), hash_rows(PIXELS))


def test_a_file_that_changes_after_its_hash_is_not_decoded(store, paths):
    hash_images(lazy(paths), store)
    images = lazy(paths)
    hash_images(images.take(np.arange(20)[::-1]), store)
    assert not is_decoded(images).any()
    invert(paths[:3])
    assert np.array_equal(images[3:], PIXELS[3:])
    with pytest.raises(ValueError, match=r"3 of 20 .*0\.png'?: it changed during this call"):
        images[:]


@pytest.mark.parametrize("is_hashed_before", [True, False])
def test_a_file_that_changes_within_a_call_is_an_error_if_the_store_has_its_new_pixels(
    store, paths, monkeypatch, is_hashed_before
):
    hash_images(lazy(paths), store)
    contents = [Path(path).read_bytes() for path in paths]
    invert(paths)
    hash_images(lazy(paths), store)
    for path, content in zip(paths, contents, strict=True):
        Path(path).write_bytes(content)
    images, hash_files = lazy(paths), image_hashes._hash_files
    if is_hashed_before:
        hash_images(images, store)
        invert(paths[:3])
    else:  # the files change just before they are read

        def hash_later(paths):
            invert(paths[:3])
            return hash_files(paths)

        monkeypatch.setattr(image_hashes, "_hash_files", hash_later)
    with pytest.raises(ValueError, match=r"3 of 20 .*0\.png'?: it changed during this call"):
        hash_images(images, store)
    assert not is_decoded(images).any()


def test_a_file_that_vanishes_within_a_call_is_named(paths):
    rows = lazy(paths).rows.array
    rows.require_unchanged(np.arange(20))
    Path(paths[4]).unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 20 .*4\.png"):
        rows.check_unchanged(np.arange(20))


def test_truncated_files_are_decoded_again_if_pillow_pads_them(store, paths, monkeypatch):
    hash_images(lazy(paths), store)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    images = lazy(paths)
    hash_images(images, store)
    assert is_decoded(images).all()


@pytest.mark.parametrize("library", ["libjpeg_turbo", "zlib", "libtiff", "webp", "avif"])
def test_versions_of_decoders_belong_to_the_key(store, paths, monkeypatch, library):
    hash_images(lazy(paths), store)
    version = features.version
    monkeypatch.setattr(features, "version", lambda name: f"{version(name)}, {name == library}")
    images = lazy(paths)
    hash_images(images, store)
    assert is_decoded(images).all()


@pytest.mark.parametrize("options", [{"resize": "pad"}, {"reduced": False}])
def test_how_files_are_decoded_belongs_to_the_key(store, paths, options):
    hash_images(lazy(paths), store)
    images = lazy(paths, **options)
    hash_images(images, store)
    assert is_decoded(images).all()
