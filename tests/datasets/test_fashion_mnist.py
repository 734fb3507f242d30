"""The bundled sample and the whole of Fashion-MNIST; downloads from a real server on loopback."""

import gzip
import pwd
import threading
import tracemalloc
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import get_data_home
from sklearn.utils import Bunch

from skfashion.datasets import _fashion_mnist as fashion_mnist
from skfashion.datasets import fetch_fashion_mnist, load_fashion_sample
from skfashion.datasets._idx import IdxFile, parse_idx
from skfashion.datasets._make_sample import PER_CLASS, SAMPLE, first_of_each_class, make_sample

# -- The sample ----------------------------------------------------------------------------


@pytest.mark.parametrize("subset", ["train", "test", "all"])
def test_sample_is_balanced_and_uint8(subset):
    fashion = load_fashion_sample(subset=subset)
    per_class = {"train": 500, "test": 100, "all": 600}[subset]
    assert isinstance(fashion, Bunch)
    assert fashion.data.shape == fashion.images.shape == (10 * per_class, 28, 28)
    assert fashion.data.dtype == np.uint8
    assert fashion.target.dtype == np.int64
    assert_array_equal(np.bincount(fashion.target), [per_class] * 10)
    assert fashion.target_names[7] == "Sneaker"
    assert "MIT" in fashion.DESCR
    assert f"{10 * per_class} images" in fashion.DESCR
    assert fashion.frame is None


def test_sample_is_small_and_licensed():
    assert SAMPLE.stat().st_size < 2_800_000
    assert "Zalando" in (SAMPLE.parent / "LICENSE.fashion-mnist").read_text()


def test_ways_to_return_it():
    images, target = load_fashion_sample(return_X_y=True)
    flat = load_fashion_sample(flatten=True)
    assert flat.data.shape == (5000, 784)
    assert flat.images.shape == (5000, 28, 28)
    assert_array_equal(flat.data.reshape(images.shape), images)
    frame = load_fashion_sample(flatten=True, as_frame=True, subset="test")
    assert isinstance(frame.data, pd.DataFrame)
    assert isinstance(frame.target, pd.Series)
    assert frame.frame.shape == (1000, 785)
    assert len(target) == 5000
    with pytest.raises(ValueError, match="pass flatten=True"):
        load_fashion_sample(as_frame=True)
    with pytest.raises(ValueError, match="'subset' parameter"):
        load_fashion_sample(subset="valid")


def test_first_of_each_class():
    assert_array_equal(first_of_each_class(np.array([1, 0, 1, 1, 0, 0]), 2), [0, 1, 2, 4])


@pytest.mark.slow
def test_sample_follows_its_rule():
    sample = dict(np.load(SAMPLE, allow_pickle=False))
    for name, array in make_sample().items():
        assert_array_equal(sample[name], array)
    assert PER_CLASS == {"train": 500, "test": 100}


# -- IDX files -----------------------------------------------------------------------------


def idx(shape, content=None):
    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
    return header + (bytes(int(np.prod(shape))) if content is None else content)


def test_idx_is_parsed():
    content = bytes(range(6))
    assert_array_equal(parse_idx(idx((2, 3), content), "f"), np.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is not an IDX file"),
        (b"\0\0\x0d\1" + bytes(20), "is not an IDX file of unsigned bytes"),
        (b"\0\0\x08\3\0\0\0", "ends within its IDX header"),
        (idx((2, 3))[:-1], r"holds 5 numbers, but its IDX header says \(2, 3\)"),
        (idx((2, 3)) + b"\0", "holds 7 numbers"),
    ],
)
def test_idx_header_is_checked(raw, message):
    with pytest.raises(ValueError, match=f"folder/f.*{message}.*fetch it again"):
        parse_idx(raw, Path("folder/f"))


# -- Finding, checking and fetching --------------------------------------------------------


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server on loopback with a small data set, and the table of its files' hashes."""
    import hashlib

    folder = tmp_path / "server"
    folder.mkdir()
    rng = np.random.default_rng(0)
    table = {}
    for subset, n in (("train", 30), ("test", 20)):
        pair = []
        for kind, shape in (("images-idx3", (n, 28, 28)), ("labels-idx1", (n,))):
            raw = idx(shape, rng.integers(0, 10, shape, dtype=np.uint8).tobytes())
            packed = gzip.compress(raw)
            name = f"{subset}-{kind}-ubyte"
            (folder / f"{name}.gz").write_bytes(packed)
            md5 = hashlib.md5(packed, usedforsecurity=False).hexdigest()
            pair.append(IdxFile(name, hashlib.sha256(raw).hexdigest(), md5))
        table[subset] = tuple(pair)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *args: None
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(fashion_mnist, "UPSTREAM", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(fashion_mnist, "_FILES", table)
        monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
        monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "sklearn"))
        monkeypatch.delenv("SKFASHION_DATA", raising=False)
        yield folder
        server.shutdown()
        thread.join()


def test_download_to_data_home_once(published, tmp_path):
    home = tmp_path / "home"
    X, y = fetch_fashion_mnist("all", data_home=home, return_X_y=True)
    assert X.shape == (50, 28, 28)
    assert y.shape == (50,)
    assert sorted(path.name for path in home.iterdir()) == sorted(
        path.name for path in published.iterdir()
    )
    for path in published.iterdir():
        path.unlink()
    again, _ = fetch_fashion_mnist("all", data_home=str(home), return_X_y=True)
    assert_array_equal(again, X)


def test_folders_in_their_order(published, tmp_path, monkeypatch):
    fetch_fashion_mnist("test")
    assert len(list((tmp_path / "sklearn" / "fashion-mnist").iterdir())) == 2
    monkeypatch.setenv("SKFASHION_DATA", str(tmp_path / "env"))
    fetch_fashion_mnist("train")
    assert len(list((tmp_path / "env").iterdir())) == 2
    fetch_fashion_mnist("test", download_if_missing=False)
    (tmp_path / "debian").mkdir()
    for path in published.iterdir():
        raw = gzip.decompress(path.read_bytes())
        (tmp_path / "debian" / path.stem).write_bytes(raw)
    monkeypatch.delenv("SKFASHION_DATA")
    assert len(fetch_fashion_mnist("train", download_if_missing=False).data) == 30


def test_the_home_folder_need_not_be_writable(published, tmp_path, monkeypatch):
    home = tmp_path / "home"
    fetch_fashion_mnist("test", data_home=home)
    assert not (tmp_path / "sklearn").exists()
    (tmp_path / "file").touch()
    monkeypatch.delenv("SCIKIT_LEARN_DATA")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert len(fetch_fashion_mnist("test", data_home=home, download_if_missing=False).data) == 20
    # A user without a home folder, as in containers.
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    assert len(fetch_fashion_mnist("test", data_home=home, download_if_missing=False).data) == 20


def test_a_folder_without_permission_is_passed_over(published, tmp_path, monkeypatch):
    home = tmp_path / "home"
    fetch_fashion_mnist("test", data_home=home)
    is_file = Path.is_file

    def refuse(path):
        if tmp_path / "sklearn" in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    # Root may read any folder.
    monkeypatch.setattr(Path, "is_file", refuse)
    assert len(fetch_fashion_mnist("test", data_home=home, download_if_missing=False).data) == 20


def test_the_data_home_is_that_of_scikit_learn(published, tmp_path, monkeypatch):
    monkeypatch.delenv("SCIKIT_LEARN_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    fetch_fashion_mnist("test")
    assert len(list(Path(get_data_home(), "fashion-mnist").iterdir())) == 2


def test_other_users_may_read_what_was_downloaded(published, tmp_path):
    fetch_fashion_mnist("test", data_home=tmp_path)
    (tmp_path / "other").touch()
    usual = (tmp_path / "other").stat().st_mode
    assert [path.stat().st_mode for path in tmp_path.glob("*.gz")] == [usual] * 2


def test_a_file_that_may_not_be_read_is_not_damaged(published, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    fetch_fashion_mnist("test", data_home=tmp_path)
    monkeypatch.setattr(gzip, "open", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied: .*test-images-idx3-ubyte\.gz"):
        fetch_fashion_mnist("test", data_home=tmp_path)


def test_missing_and_offline(published, tmp_path, monkeypatch):
    with pytest.raises(OSError, match=r"is in none of .*debian.*dataset-fashion-mnist"):
        fetch_fashion_mnist("test", download_if_missing=False)
    monkeypatch.setattr(fashion_mnist, "UPSTREAM", "http://127.0.0.1:1")
    with pytest.raises(OSError, match=r"could not be fetched.*load_fashion_sample"):
        fetch_fashion_mnist("test", data_home=tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


def test_download_of_other_content_leaves_nothing(published, tmp_path):
    (published / "test-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx((20, 28, 28))))
    with pytest.raises(ValueError, match=r"not the published file \(md5 .*nothing was kept"):
        fetch_fashion_mnist("test", data_home=tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


def test_truncated_transfer_leaves_nothing(published, tmp_path, monkeypatch):
    def send_head(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"half of it")
        self.close_connection = True

    monkeypatch.setattr(SimpleHTTPRequestHandler, "do_GET", send_head)
    with pytest.raises((OSError, ValueError), match=r"train-images-idx3-ubyte\.gz"):
        fetch_fashion_mnist("train", data_home=tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


def test_interrupted_write_leaves_nothing(published, tmp_path, monkeypatch):
    import os

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_fashion_mnist("test", data_home=tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-30], "does not decompress"),
        (lambda content: b"nothing of the kind", "does not decompress"),
        (lambda content: gzip.compress(gzip.decompress(content)[:-1]), "wrong content"),
        (lambda content: gzip.compress(idx((20, 28, 28))), "wrong content"),
    ],
    ids=["cut", "not gzip", "cut inside", "other images"],
)
def test_damaged_files_are_named(published, tmp_path, damage, message):
    home = tmp_path / "home"
    fetch_fashion_mnist("test", data_home=home)
    path = home / "test-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"{path.name} .*{message}.*Delete the file and fetch"):
        fetch_fashion_mnist("test", data_home=home)


@pytest.mark.parametrize("shape", [(20, 28, 28), (2**31, 2**10), (2**32 - 1,) * 200], ids=len)
@pytest.mark.parametrize("suffix", [".gz", ""])
def test_no_more_is_unpacked_than_the_header_states(published, tmp_path, shape, suffix):
    home = tmp_path / "home"
    fetch_fashion_mnist("test", data_home=home)
    path = home / "test-images-idx3-ubyte.gz"
    bomb = gzip.compress(bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes())
    bomb += 2**8 * gzip.compress(bytes(2**20))
    path.unlink()
    path.with_suffix(suffix).write_bytes(bomb if suffix else gzip.decompress(bomb))
    tracemalloc.start()
    with pytest.raises(ValueError, match=rf"images-idx3-ubyte{suffix} has the wrong content"):
        fetch_fashion_mnist("test", data_home=home)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.2 * 2**26


def test_a_header_of_more_dimensions_than_numpy_has():
    with pytest.raises(ValueError, match="a is not an IDX file"):
        parse_idx(bytes([0, 0, 8, 65]) + np.ones(65, ">u4").tobytes() + b"x", "a")
    with pytest.raises(ValueError, match="a holds 0 numbers"):
        parse_idx(bytes([0, 0, 8, 3]) + np.array([2**31, 2**31, 4], ">u4").tobytes(), "a")


@pytest.mark.slow
@pytest.mark.parametrize(("subset", "n"), [("train", 60_000), ("test", 10_000), ("all", 70_000)])
def test_whole_data_set(subset, n):
    fashion = fetch_fashion_mnist(subset)
    assert fashion.data.shape == (n, 28, 28)
    assert_array_equal(np.bincount(fashion.target), [n // 10] * 10)
