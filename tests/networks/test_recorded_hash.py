"""Official weights without a published hash, fetched by https from a server on this machine."""

import hashlib
import ssl
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import pytest
from keras.src.applications.mobilenet_v2 import BASE_WEIGHT_PATH
from numpy.testing import assert_array_equal

from skfashion import BackboneFeatures, OfficialWeights
from skfashion._backbones.registry import get_backbone
from skfashion._networks.official_weights import fetch_official

# A key that protects nothing, and its certificate for 127.0.0.1.
CERTIFICATE = Path(__file__).with_name("localhost.pem")
NAME = "body.weights.h5"
RECORD = f"{NAME}.sha256"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.fetched += 1
        self.send_response(302 if server.redirect else 200)
        if server.redirect:
            self.send_header("Location", server.redirect)
        if server.says_length:
            self.send_header("Content-Length", str(0 if server.redirect else len(server.payload)))
        self.end_headers()
        if not server.redirect:
            self.wfile.write(server.payload[: server.n_sent])
        server.redirect = None


def start_server(payload, context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.payload, server.n_sent = payload, None
    server.says_length, server.redirect, server.fetched = True, None, 0
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    return server


def stop_server(server):
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(body_path, monkeypatch):
    """Serve a file of weights by https, with a certificate that this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server = start_server(body_path.read_bytes(), context)
    yield server
    stop_server(server)


@pytest.fixture
def backbone(server):
    official = OfficialWeights(f"https://127.0.0.1:{server.server_port}/{NAME}", None)
    return replace(get_backbone("small_cnn"), name="served", official=official)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def other(tmp_path):
    """The content of another file of weights."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = [1, 2, 3]
    return (tmp_path / "other.h5").read_bytes()


def files_in(cache):
    return {path.name: path.read_bytes() for path in cache.iterdir()}


def recorded(payload, backbone):
    """What a cache has that holds a file of this content, and its record."""
    lines = f"{hashlib.sha256(payload).hexdigest()}  {NAME}\n# {backbone.official.url}\n"
    return {NAME: payload, RECORD: lines.encode()}


def test_the_first_download_is_recorded_and_the_file_checked_by_it(lt5, server, backbone, cache):
    features = BackboneFeatures(backbone, weights="imagenet").fit_transform(lt5[0])
    assert files_in(cache) == recorded(server.payload, backbone)
    assert_array_equal(
        BackboneFeatures("small_cnn", weights=cache / NAME).fit_transform(lt5[0]), features
    )
    assert fetch_official(backbone) == cache / NAME
    assert server.fetched == 1


def test_a_changed_file_is_fetched_again(server, backbone, cache, other):
    fetch_official(backbone)
    (cache / NAME).write_bytes(other)
    fetch_official(backbone)
    assert server.fetched == 2
    assert files_in(cache) == recorded(server.payload, backbone)


@pytest.mark.parametrize("lost", [True, False])
def test_a_new_file_on_the_server_is_refused_until_the_old_one_is_forgotten(
    server, backbone, cache, other, lost
):
    fetch_official(backbone)
    (cache / NAME).write_bytes(b"damaged")
    if lost:
        (cache / NAME).unlink()
    before, server.payload = files_in(cache), other
    with pytest.raises(FileNotFoundError, match="does not have the hash") as failure:
        fetch_official(backbone)
    assert f"To trust the new one, delete {RECORD} and {NAME} in that folder" in str(failure.value)
    assert files_in(cache) == before
    for path in cache.iterdir():
        path.unlink()
    fetch_official(backbone)
    assert files_in(cache) == recorded(other, backbone)


def test_a_file_that_keras_fetched_is_taken_and_recorded(server, backbone, cache, other):
    (cache / NAME).write_bytes(other)
    fetch_official(backbone)
    assert server.fetched == 0
    assert files_in(cache) == recorded(other, backbone)


def test_a_part_that_keras_left_is_not_taken(server, backbone, cache):
    (cache / NAME).write_bytes(server.payload[:1000])
    fetch_official(backbone)
    assert files_in(cache) == recorded(server.payload, backbone)


@pytest.mark.parametrize("record", [b"", b"0123", b"\xff"])
def test_a_damaged_record_matches_no_file(server, backbone, cache, record):
    (cache / NAME).write_bytes(server.payload)
    (cache / RECORD).write_bytes(record)
    with pytest.raises(FileNotFoundError, match=rf"delete {RECORD}"):
        fetch_official(backbone)
    assert files_in(cache) == {NAME: server.payload, RECORD: record}


def break_off(server):
    server.n_sent = 1000


def break_off_without_length(server):
    server.n_sent, server.says_length = 1000, False


def send_a_page(server):
    server.payload = b"<html>"


@pytest.mark.parametrize(
    ("disturb", "message"),
    [
        (break_off, "IncompleteRead"),
        (break_off_without_length, "does not say how long the file is"),
        (send_a_page, "the file is damaged there"),
        (stop_server, "refused"),
    ],
)
def test_a_download_that_fails_leaves_nothing(server, backbone, cache, disturb, message):
    disturb(server)
    with pytest.raises(FileNotFoundError, match=f"is not there and could not be .*{message}"):
        fetch_official(backbone)
    assert files_in(cache) == {}


def test_redirects_are_followed_to_https_only(server, backbone, cache):
    server.redirect = f"https://127.0.0.1:{server.server_port}/elsewhere"
    fetch_official(backbone)
    assert server.fetched == 2
    assert files_in(cache) == recorded(server.payload, backbone)
    for path in cache.iterdir():
        path.unlink()
    insecure = start_server(server.payload)
    try:
        server.redirect = f"HTTP://127.0.0.1:{insecure.server_port}/elsewhere"
        with pytest.raises(FileNotFoundError, match=r"redirects to http://.* is not https"):
            fetch_official(backbone)
    finally:
        stop_server(insecure)
    assert insecure.fetched == 0
    assert files_in(cache) == {}


def test_a_server_that_is_not_trusted(server, backbone, cache, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FileNotFoundError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch_official(backbone)
    assert files_in(cache) == {}


def test_a_file_is_taken_where_a_record_cannot_be_written(server, backbone, cache):
    (cache / NAME).write_bytes(server.payload)
    (cache / RECORD).mkdir()
    assert fetch_official(backbone) == cache / NAME
    assert server.fetched == 0
    assert sorted(path.name for path in cache.iterdir()) == [NAME, RECORD]


def test_mobilenet_v2_takes_the_file_that_keras_takes():
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    assert get_backbone("mobilenet_v2").official == OfficialWeights(BASE_WEIGHT_PATH + name, None)


def test_a_file_of_the_same_name_from_another_address_is_refused(server, backbone, cache):
    fetch_official(backbone)
    before = files_in(cache)
    url = f"{backbone.official.url.removesuffix(NAME)}v2/{NAME}?download=1"
    newer = replace(backbone, official=OfficialWeights(url, None))
    assert newer.official.file_name == NAME
    with pytest.raises(ValueError, match=rf"has weights from .*{NAME}, but those of .*/v2/"):
        fetch_official(newer)
    assert files_in(cache) == before
    # Records of earlier versions have no address.
    (cache / RECORD).write_bytes(before[RECORD].splitlines(keepends=True)[0])
    assert fetch_official(newer) == cache / NAME
    assert server.fetched == 1
