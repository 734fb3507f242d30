"""weights="imagenet": fetched from a real server on this machine, checked, kept."""

import hashlib
import socket
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from numpy.testing import assert_array_equal

from skfashion import BackboneFeatures, OfficialWeights
from skfashion._backbones.registry import get_backbone
from skfashion._networks import official_weights


class CountingHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.fetched += 1
        if self.server.redirect is None:
            super().do_GET()
            return
        self.send_response(302)
        self.send_header("Location", self.server.redirect)
        self.end_headers()
        self.server.redirect = None


@pytest.fixture
def release(body_path, tmp_path, monkeypatch):
    """Serve a file of weights; return the server, a backbone that asks for it, and the cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    handler = partial(CountingHandler, directory=body_path.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.fetched, server.redirect = 0, None
        thread = Thread(target=server.serve_forever)
        thread.start()
        digest = hashlib.sha256(body_path.read_bytes()).hexdigest()
        url = f"http://127.0.0.1:{server.server_port}/{body_path.name}"
        yield server, served(url, digest), tmp_path / "keras" / "models"
        server.shutdown()
        thread.join()


def served(url, file_hash):
    official = OfficialWeights(url, file_hash)
    return replace(get_backbone("small_cnn"), name="served", official=official)


def test_fetched_in_fit_only_and_once(make, lt5, release, body_path, weights_of):
    server, backbone, cache = release
    clf = make(backbone=backbone, weights="imagenet", epochs=0)
    assert server.fetched == 0
    clf.fit(*lt5)
    expected = make(weights=body_path, epochs=0).fit(*lt5)
    assert_array_equal(weights_of(clf)["conv1/kernel"], weights_of(expected)["conv1/kernel"])
    assert clf.freeze_point_ == "features"
    BackboneFeatures(backbone, weights="imagenet").fit(lt5[0])
    assert server.fetched == 1
    assert [file.name for file in cache.iterdir()] == [body_path.name]


def test_a_damaged_file_in_the_cache_is_fetched_again(make, lt5, release, body_path):
    server, backbone, cache = release
    cache.mkdir(parents=True)
    (cache / body_path.name).write_bytes(body_path.read_bytes()[:1000])
    make(backbone=backbone, weights="imagenet", epochs=0).fit(*lt5)
    assert server.fetched == 1
    assert (cache / body_path.name).read_bytes() == body_path.read_bytes()


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_file_with_another_hash_is_not_kept(make, lt5, release, algorithm):
    server, backbone, cache = release
    wrong = served(backbone.official.url, hashlib.new(algorithm, b"other").hexdigest())
    with pytest.raises(FileNotFoundError, match="does not have the hash"):
        make(backbone=wrong, weights="imagenet").fit(*lt5)
    assert server.fetched == 1
    assert list(cache.iterdir()) == []


def test_an_old_file_stays_when_fetching_fails(make, lt5, release, body_path):
    server, backbone, cache = release
    server.shutdown()
    server.server_close()
    cache.mkdir(parents=True)
    (cache / body_path.name).write_bytes(b"old")
    with pytest.raises(FileNotFoundError, match="could not be fetched"):
        make(backbone=backbone, weights="imagenet").fit(*lt5)
    assert (cache / body_path.name).read_bytes() == b"old"
    assert len(list(cache.iterdir())) == 1


def test_a_download_shows_no_progress(make, lt5, release, capfd):
    _, backbone, _ = release
    make(backbone=backbone, weights="imagenet", epochs=0).fit(*lt5)
    assert capfd.readouterr() == ("", "")


def test_a_server_that_does_not_answer(make, lt5, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(official_weights, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/w.weights.h5"
        with pytest.raises(FileNotFoundError, match=r"could not be fetched from .*timed out"):
            make(backbone=served(url, "0" * 64), weights="imagenet").fit(*lt5)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_redirect_of_a_file_with_a_hash_is_followed(make, lt5, release, body_path):
    server, backbone, cache = release
    server.redirect = backbone.official.url
    make(backbone=backbone, weights="imagenet", epochs=0).fit(*lt5)
    assert server.fetched == 2
    assert (cache / body_path.name).read_bytes() == body_path.read_bytes()


def test_offline(make, lt5, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    backbone = served("http://127.0.0.1:9/nowhere/w.weights.h5", "0" * 64)
    with pytest.raises(FileNotFoundError) as failure:
        make(backbone=backbone, weights="imagenet").fit(*lt5)
    message = str(failure.value)
    for part in ("w.weights.h5", str(Path(tmp_path, "models")), "weights=PATH"):
        assert part in message


@pytest.mark.parametrize("name", ["small_cnn", "small_resnet"])
def test_no_official_release(make, lt5, name):
    with pytest.raises(
        ValueError, match=rf"backbone '{name}' has no official weights\. Pass the p"
    ):
        make(backbone=name, weights="imagenet").fit(*lt5)


@pytest.mark.parametrize("file_hash", ["", "0" * 63])
def test_a_hash_has_the_length_of_one(file_hash):
    with pytest.raises(ValueError, match="no download can be checked"):
        OfficialWeights("https://example.org/w.h5", file_hash)


def test_without_a_hash_the_address_is_https():
    with pytest.raises(ValueError, match=r"https:// if file_hash is None, got 'http://"):
        OfficialWeights("http://example.org/w.h5", None)
