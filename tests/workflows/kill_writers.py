"""A program that kills writers of files while they write: see `test_kills.py`.

It imports TensorFlow once, and forks a writer for each kill. Writers compute nothing.
Arguments: a folder, the number of kills of each writer.
"""

import hashlib
import os
import signal
import ssl
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from skfashion import OfficialWeights, TransferClassifier
from skfashion._backbones.registry import get_backbone
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import Store
from skfashion._networks.network import get_network
from skfashion._networks.official_weights import fetch_official
from skfashion._networks.weight_files import load_body_weights, save_body_weights
from skfashion.datasets import load_fashion_sample
from tests.networks.test_recorded_hash import CERTIFICATE, start_server, stop_server

random = np.random.default_rng()


def kill_while_writing(write, folder, pattern):
    """Fork a process that writes for ever, and kill it while a file of this pattern is there."""
    pid = os.fork()
    if not pid:
        try:
            for number in count(1):
                write(number)
        finally:
            os._exit(1)
    earliest = time.monotonic() + random.uniform(0, 0.1)
    latest = earliest + 20
    # A file that an earlier kill left is no sign of a write.
    left = set(folder.rglob(pattern))
    try:
        while time.monotonic() < earliest or not set(folder.rglob(pattern)) - left:
            assert time.monotonic() < latest, f"{write} writes nothing"
        time.sleep(random.uniform(0, 0.003))
    finally:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, f"{write} failed"


class Entries:
    """An entry of a store that is replaced again and again."""

    unfinished = "*.unfinished"

    def __init__(self, folder):
        self.store = Store(folder)
        self.write(0)

    def write(self, number):
        arrays = {name: np.full(200_000, number) for name in ("first", "second")}
        assert self.store.save("entry", arrays)

    def check(self):
        arrays = self.store.load("entry")
        numbers = {*arrays["first"].tolist(), *arrays["second"].tolist()}
        assert [*map(len, arrays.values())] == [200_000] * 2
        assert len(numbers) == 1


class Features:
    """A table of features that grows; each row holds its hash."""

    unfinished = "*.unfinished"

    def __init__(self, folder):
        self.table = RowTable(Store(folder), "table", (1000,), "<u8")
        self.write(0)

    def hashes(self, number):
        return np.repeat(np.arange(100, dtype="<u8") + 1000 * number, 2).reshape(100, 2)

    def write(self, number):
        hashes = self.hashes(number % 50)
        features = np.repeat(hashes[:, :1], 1000, axis=1)
        self.table.add(hashes, features, np.arange(100))

    def check(self):
        n_found = 0
        for number in range(50):
            hashes = self.hashes(number)
            for indices, features in self.table.read(hashes):
                assert (features == hashes[indices, :1]).all()
                n_found += len(indices)
        assert n_found >= 100


class Weights:
    """A file of a body's weights that is replaced by another one."""

    unfinished = "*.unfinished"
    name = "body.weights.h5"

    def __init__(self, folder):
        X, y = load_fashion_sample(return_X_y=True)
        fits = [TransferClassifier("vgg16", epochs=0, random_state=seed) for seed in range(2)]
        fitted = [clf.fit(X[:50, :8, :8], y[:50])._fitted for clf in fits]
        self.weights = [each.weights for each in fitted]
        # Not the method `save_backbone_weights`, which refuses to run in a fork, as TensorFlow
        # cannot compute there.
        self.graph = get_network(fitted[0].architecture)
        self.path = folder / self.name
        self.write(0)

    def write(self, number):
        save_body_weights(self.weights[number % 2], self.graph, self.path)

    def check(self):
        found = load_body_weights(self.path, self.graph)
        assert any(
            all((values == weights[path]).all() for path, values in found.items())
            for weights in self.weights
        )


class TensorFiles(Weights):
    """The same as a file of safetensors."""

    name = "body.safetensors"


class Download:
    """Official weights by https, which are fetched whenever the cache lacks them."""

    unfinished = ".skfashion-*/*"
    name = "body.weights.bin"

    def __init__(self, folder):
        os.environ |= {"SSL_CERT_FILE": str(CERTIFICATE), "KERAS_HOME": str(folder)}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        self.payload = random.bytes(5_000_000)
        self.server = start_server(self.payload, context)
        url = f"https://127.0.0.1:{self.server.server_port}/{self.name}"
        self.backbone = replace(
            get_backbone("small_cnn"), name="served", official=OfficialWeights(url, self.hash)
        )
        self.kept = folder / "models" / self.name
        fetch_official(self.backbone)

    @property
    def hash(self):
        return None

    def write(self, number):
        # A record of the first use stays, so that the next download is checked by it.
        self.kept.unlink(missing_ok=True)
        fetch_official(self.backbone)

    def check(self):
        assert not self.kept.exists() or self.kept.read_bytes() == self.payload
        assert fetch_official(self.backbone).read_bytes() == self.payload


class CheckedDownload(Download):
    """The same with a published hash, by Keras' function."""

    @property
    def hash(self):
        return hashlib.sha256(self.payload).hexdigest()


WRITERS = [Entries, Features, Weights, TensorFiles, Download, CheckedDownload]


def main(folder, n_kills):
    for kind in WRITERS:
        place = Path(folder, kind.__name__)
        place.mkdir()
        writer = kind(place)
        for _ in range(int(n_kills)):
            kill_while_writing(writer.write, place, kind.unfinished)
            writer.check()
        print(f"{kind.__name__} survived {n_kills} kills", flush=True)
        if isinstance(writer, Download):
            stop_server(writer.server)


if __name__ == "__main__":
    main(*sys.argv[1:])
