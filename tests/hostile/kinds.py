"""Kinds of files that are mutated, and what reads them; run as a script on a batch of mutations."""

import gzip
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import psutil

from skfashion._cache import row_table
from skfashion._cache.hashing import hash_rows
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import Store
from skfashion.datasets._idx import IdxFile
from tests.hostile import mutations
from tests.programs import peak_bytes

MAX_SECONDS = 2.0
MAX_BYTES = 500e6


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    `write` makes a file in a folder and returns its path. `read` returns arrays by name, or
    nothing where the file counts as missing.
    """

    write: Callable
    read: Callable
    mutations: list = field(default_factory=list)
    has_checksum: bool = True


# -- Weights -------------------------------------------------------------------------------------


@cache
def body():
    from skfashion._backbones.registry import get_backbone
    from skfashion._networks.architecture import BodyArchitecture
    from skfashion._networks.pooled_features import get_body

    return get_body(BodyArchitecture(get_backbone("small_cnn"), (14, 14, 1), None, "float32"))


def weights():
    rng = np.random.default_rng(0)
    return {v.path: rng.standard_normal(v.shape, "float32") for v in body().body.weights}


def read_weights(path):
    from skfashion._networks.weight_files import load_body_weights

    return load_body_weights(path, body())


def write_weights(name):
    def write(folder):
        from skfashion._networks.weight_files import save_body_weights

        save_body_weights(weights(), body(), folder / name)
        return folder / name

    return write


def write_keras2(folder):
    path = folder / "a.h5"
    arrays = weights()
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["conv1", "conv2"]
        for layer in ("conv1", "conv2"):
            names = [f"{layer}/kernel", f"{layer}/bias"]
            file.create_group(layer).attrs["weight_names"] = names
            for name in names:
                file[layer].create_dataset(name, data=arrays[name], compression="gzip")
    return path


def write_keras(folder):
    content = write_weights("in.weights.h5")(folder).read_bytes()
    (folder / "in.weights.h5").unlink()
    path = folder / "a.keras"
    path.write_bytes(mutations.archive([("config.json", "{}"), ("model.weights.h5", content)]))
    return path


# -- Data ----------------------------------------------------------------------------------------

IDX = bytes([0, 0, 8, 3]) + np.array([50, 28, 28], ">u4").tobytes() + bytes(range(256)) * 160
IDX = IDX[: 16 + 50 * 28 * 28]


def write_idx(name):
    def write(folder):
        path = folder / name
        path.write_bytes(gzip.compress(IDX) if path.suffix == ".gz" else IDX)
        return path

    return write


def read_idx(path):
    file = IdxFile(path.name.removesuffix(".gz"), hashlib.sha256(IDX).hexdigest(), "")
    return {"images": file.read(path)}


# -- Stores --------------------------------------------------------------------------------------

HASHES = hash_rows(np.arange(200))
FEATURES = np.random.default_rng(1).random((200, 30), "float32")


def table(store):
    return RowTable(store, "key", (30,), "float32")


def write_store(pattern):
    def write(folder):
        store = Store(folder / "memory")
        store.make_location()
        store.save("key", {"weight/a": FEATURES, "history": np.arange(99, dtype=np.uint8)})
        table(store).add(HASHES, FEATURES, np.arange(200))
        store.log_usage(rows_found=3, seconds_saved=0.5)
        (path,) = store.folder.rglob(pattern)
        return path

    return write


def read_store(path):
    store = Store(next(parent for parent in path.parents if parent.name == "memory"))
    found = {}
    for indices, features in table(store).read(HASHES):
        found |= {f"row {i}": row for i, row in zip(indices.tolist(), features, strict=True)}
    found |= {f"used {name}": np.array(n) for name, n in store.usage_totals().items()}
    return found | (store.load("key") or {})


KINDS = {
    "weights.h5": Kind(
        write_weights("a.weights.h5"),
        read_weights,
        [mutations.other_hdf5, mutations.zero_free_space],
        has_checksum=False,
    ),
    "h5": Kind(
        write_keras2,
        read_weights,
        [mutations.other_hdf5, mutations.zero_free_space],
        has_checksum=False,
    ),
    "safetensors": Kind(
        write_weights("a.safetensors"),
        read_weights,
        [mutations.other_json_header, mutations.changed_json_header],
        has_checksum=False,
    ),
    "keras": Kind(write_keras, read_weights, [mutations.archive_like, mutations.archive_bomb]),
    "idx": Kind(write_idx("images"), read_idx, [mutations.other_idx_header]),
    "gz": Kind(
        write_idx("images.gz"), read_idx, [mutations.packed_idx_header, mutations.gzip_bomb]
    ),
    "entry": Kind(write_store("*.entry"), read_store, [mutations.signed_entry]),
    "features": Kind(write_store("*.features"), read_store),
    "index": Kind(write_store("*.index"), read_store),
    "log": Kind(write_store("log.jsonl"), read_store),
}


# -- Batches -------------------------------------------------------------------------------------


def outcome(kind, path, expected):
    """Read a file; return "refused", "same", "different", or what is wrong with the error."""
    try:
        found = kind.read(path)
    except (ValueError, OSError) as error:
        return "refused" if str(path) in str(error) else f"error without the name: {error!r}"
    except Exception as error:
        return f"undocumented error: {error!r}"
    same = all(
        name in expected and np.array_equal(array, expected[name]) for name, array in found.items()
    )
    return "same" if same else "different"


def used_seconds():
    return sum(os.times()[:4])


def listing(folder):
    return sorted(path for path in folder.rglob("*") if "target" not in path.parts)


def run(name, seed, n_mutations, folder):
    """Mutate a file; return how often each outcome came, and what is not allowed."""
    kind, rng = KINDS[name], np.random.default_rng([seed, *name.encode()])
    target = folder / "target"
    target.mkdir()
    path = kind.write(target)
    others = [other for other in target.rglob("*") if other.is_file()]
    contents = {other: other.read_bytes() for other in others}
    expected = kind.read(path)
    before, bytes_before = listing(folder), psutil.Process().memory_info().rss
    all_mutations = [*mutations.ANY, *kind.mutations, mutations.renamed_pickle]
    counts, wrong = Counter(), []
    for number in range(n_mutations):
        mutate = all_mutations[number % len(all_mutations)]
        for other in others:
            other.parent.mkdir(parents=True, exist_ok=True)
            other.write_bytes(contents[other])
        content = mutate(contents[path], rng)
        if content == contents[path]:
            continue
        forget_what_was_read()
        path.write_bytes(content)
        # The last line tells which one ended the process.
        print(f"{name} {number} {mutate.__name__}", file=sys.stderr, flush=True)
        started = used_seconds()
        found = outcome(kind, path, expected)
        seconds = used_seconds() - started
        counts[found if found in ("refused", "same", "different") else "wrong"] += 1
        if seconds > MAX_SECONDS:
            found = f"{seconds:.1f} s"
        elif found == "different" and not kind.has_checksum:
            found = "different without a checksum"
        if found not in ("refused", "same", "different without a checksum"):
            wrong.append(f"{name} {number} {mutate.__name__}: {found}")
    wrong += [f"written: {path}" for path in set(listing(folder)) - set(before)]
    # Child processes limit themselves.
    peak = peak_bytes()
    if peak - bytes_before > MAX_BYTES:
        wrong.append(f"{name}: {(peak - bytes_before) / 1e6:.0f} MB")
    return counts, wrong


def forget_what_was_read():
    row_table._read_index.cache_clear()


def main(name, seed, n_mutations, folder):
    """Run a batch in a process of its own, in whose working directory nothing may appear."""
    os.chdir(folder)
    counts, wrong = run(name, int(seed), int(n_mutations), Path(folder))
    print(json.dumps([counts, wrong]))


if __name__ == "__main__":
    main(*sys.argv[1:])
