"""Fuzz the parsers that are written in Python, guided by coverage.

    python fuzz_parsers.py idx -max_total_time=60

The parsers are idx, gz, archive, entry and log.

A parser may raise only ValueError and OSError; the parser of archives may raise any error. Other
errors, crashes, more than 2 s, and too much memory (`-rss_limit_mb`) end the run with the input
that caused them. The script needs atheris (`pip install atheris`), which is in no extra. The
options are those of libFuzzer.
"""

import gzip
import io
import sys
import tempfile
import zipfile
from pathlib import Path

import atheris
import numpy as np
import safetensors.numpy

with atheris.instrument_imports(include=["skfashion", "gzip", "zipfile"]):
    from skfashion._cache import checked_arrays
    from skfashion._cache.store import Store, _checksum
    from skfashion._networks.keras_archives import unpack_weights
    from skfashion.datasets._idx import IdxFile, _read_idx, parse_idx

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))
ARRAY = {"a": np.arange(6, dtype="float32").reshape(2, 3)}


def read_idx(content):
    parse_idx(_read_idx(io.BytesIO(content)), "x")


def read_gz(content):
    path = FOLDER / "x.gz"
    path.write_bytes(content)
    IdxFile("x", "0" * 64, "").read(path)


def read_archive(content):
    path = FOLDER / "x.keras"
    path.write_bytes(content)
    unpack_weights(path, 1000)


def read_entry(content):
    """Sign the content, so that all of it is parsed."""
    path = FOLDER / "x.entry"
    path.write_bytes(checked_arrays._checksum(content, "key") + content)
    checked_arrays.read_arrays(path, "key")


def read_log(content):
    store = Store(FOLDER)
    store.folder.mkdir(parents=True, exist_ok=True)
    record = content.decode(errors="replace").replace("\n", " ")
    (store.folder / "log.jsonl").write_text(f"{_checksum(record)} {record}\n")
    float(store.usage_totals()["seconds_saved"])


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("model.weights.h5", b"x" * 100)
    return file.getvalue()


IDX = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + b"pixels"
PARSERS = {
    "idx": (read_idx, lambda: IDX),
    "gz": (read_gz, lambda: gzip.compress(IDX)),
    "archive": (read_archive, archive),
    "entry": (read_entry, lambda: safetensors.numpy.save(ARRAY)),
    "log": (read_log, lambda: b'{"rows_found": 3, "seconds_saved": 0.5}'),
}
# `load_body_weights` makes a ValueError of all that archives raise.
DOCUMENTED = {False: (ValueError, OSError), True: Exception}


def main():
    read, make_seed = PARSERS[sys.argv[1]]
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    (corpus / "seed").write_bytes(make_seed())

    def fuzz(content):
        try:
            read(content)
        except DOCUMENTED[sys.argv[1] == "archive"]:
            pass

    atheris.Setup([sys.argv[0], "-timeout=2", *sys.argv[2:], str(corpus)], fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
