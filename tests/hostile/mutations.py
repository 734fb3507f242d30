"""Changes of files: random ones for any format, and ones that are made for a format."""

import gzip
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np

from skfashion._cache import checked_arrays

# -- Any format ----------------------------------------------------------------------------------


def flip_bits(content, rng):
    content = bytearray(content)
    for place in rng.integers(0, len(content), rng.choice([1, 1, 1, 2, 8])):
        content[place] ^= 1 << rng.integers(8)
    return bytes(content)


def flip_bits_at_the_beginning(content, rng):
    """Change headers, which random places seldom hit."""
    n_bytes = min(len(content), 2048)
    return flip_bits(content[:n_bytes], rng) + content[n_bytes:]


def truncate(content, rng):
    return content[: rng.integers(0, len(content))]


def overwrite(content, rng):
    """Write a block as a disk leaves it: zeros, ones, or something else."""
    start = int(rng.integers(0, len(content)))
    n_bytes = int(rng.choice([1, 4, 8, 64, 512, 4096]))
    n_bytes = min(n_bytes, len(content) - start)
    block = [bytes(n_bytes), b"\xff" * n_bytes, rng.bytes(n_bytes)][rng.integers(3)]
    return content[:start] + block + content[start + n_bytes :]


def set_number(content, rng):
    """Set an aligned number of the first kilobytes to an extreme value."""
    content = bytearray(content)
    code, size = [("<H", 2), ("<I", 4), ("<Q", 8)][rng.integers(3)]
    most = 256**size - 1
    value = [0, 1, 7, most, most // 2, most // 2 + 1, most - 7][rng.integers(7)]
    if len(content) >= size:
        place = int(rng.integers(0, min(len(content), 16_384) // size)) * size
        content[place : place + size] = struct.pack(code, value)
    return bytes(content)


def swap_blocks(content, rng):
    n_bytes = int(rng.integers(1, max(2, len(content) // 3)))
    first, second = sorted(rng.integers(0, len(content) - n_bytes + 1, 2).tolist())
    if second - first < n_bytes:
        return content[n_bytes:] + content[:n_bytes]
    moved = content[first : first + n_bytes], content[second : second + n_bytes]
    between = content[first + n_bytes : second]
    return content[:first] + moved[1] + between + moved[0] + content[second + n_bytes :]


def repeat(content, rng):
    return content + content[rng.integers(1, len(content)) :]


HEADERS = [
    b"\x89HDF\r\n\x1a\n",
    b"PK\x03\x04",
    b"\x1f\x8b\x08\x00",
    b"\x00\x00\x08\x03",
    b"\x93NUMPY\x01\x00",
    b"\x80\x05\x95",
    b"\xff" * 8,
    bytes(64),
]


def swap_header(content, rng):
    header = HEADERS[rng.integers(len(HEADERS))]
    return header + content[len(header) :]


ANY = [
    flip_bits,
    flip_bits_at_the_beginning,
    truncate,
    overwrite,
    set_number,
    swap_blocks,
    repeat,
    swap_header,
]


class Trap:
    """An object whose pickle makes a file when it is loaded."""

    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


def renamed_pickle(content, rng):
    return pickle.dumps(Trap())


# -- Archives of Keras ---------------------------------------------------------------------------

LAMBDA = {
    "class_name": "Lambda",
    "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wAAAAA="}}},
}
CONFIGS = [[], None, "x", 1e999, {}, {"config": []}, {"config": {"layers": LAMBDA}}, LAMBDA]


def archive(members, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return file.getvalue()


def archive_like(content, rng):
    """Rebuild an archive with other members."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        weights = file.read("model.weights.h5")
    config = json.dumps(CONFIGS[rng.integers(len(CONFIGS))])
    weights_member = ("model.weights.h5", weights)
    members = [
        [("config.json", config), weights_member],
        [("../../sprung", "x"), ("/tmp/../sprung", "x"), weights_member],
        [("config.json", config), ("../model.weights.h5", weights)],
        [("model.weights.h5/", "")],
        [("model.weights.h5", b"")],
        [("config.json", "[" * 100_000), weights_member],
    ][rng.integers(6)]
    methods = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA
    return archive(members, methods[rng.integers(4)])


def archive_bomb(content, rng):
    """Return a bomb of 64 MiB, with its size or with a smaller one."""
    packed = bytearray(archive([("model.weights.h5", bytes(2**26))], zipfile.ZIP_DEFLATED))
    name = b"model.weights.h5"
    size = [2**26, 2**20, 100, 2**32 - 2][rng.integers(4)]
    for place in (packed.index(name) - 8, packed.rindex(name) - 22):
        struct.pack_into("<I", packed, place, size)
    return bytes(packed)


# -- safetensors ---------------------------------------------------------------------------------

TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
TENSOR_CHANGES = [
    {"dtype": "F64"},
    {"dtype": "X"},
    {"dtype": 3},
    {"shape": [2**62, 4]},
    {"shape": [-1]},
    {"shape": "2"},
    {"shape": [[2]]},
    {"data_offsets": [8, 0]},
    {"data_offsets": [0, 2**63]},
    {"data_offsets": [-8, 0]},
    {"data_offsets": None},
    {"data_offsets": [4, 12]},
]
JSON_HEADERS = [
    "[]",
    "null",
    '"x"',
    "{",
    "[" * 10_000,
    '{"a": ' * 10_000,
    json.dumps({"a": 1}),
    json.dumps({"__metadata__": TENSOR}),
    json.dumps({"../../sprung": TENSOR}),
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    *(json.dumps({"conv1/kernel": TENSOR | change}) for change in TENSOR_CHANGES),
]


def other_json_header(content, rng):
    header = JSON_HEADERS[rng.integers(len(JSON_HEADERS))].encode("latin-1")
    n_bytes = [len(header), len(header) + 1, 0, 2**63, 2**32, 100_000_001][rng.integers(6)]
    return struct.pack("<Q", n_bytes) + header + bytes(8)


def changed_json_header(content, rng):
    """Change one tensor in the header of a file."""
    (n_bytes,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + n_bytes])
    names = list(header)
    header[names[rng.integers(len(names))]] |= TENSOR_CHANGES[rng.integers(len(TENSOR_CHANGES))]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + n_bytes :]


# -- Entries of a store --------------------------------------------------------------------------


def signed_entry(content, rng):
    """Change the header of an entry, and give it the checksum of what it then is."""
    changed = changed_json_header(content[4:], rng)
    return checked_arrays._checksum(changed, "key") + changed


# -- HDF5 ----------------------------------------------------------------------------------------


def other_hdf5(content, rng):
    """Replace an array or a group by a link, by an array in another file, or by a bomb."""
    file = io.BytesIO(content)
    with h5py.File(file, "a") as opened:
        paths = []
        opened.visit(paths.append)
        path = paths[rng.integers(len(paths))]
        shape = getattr(opened[path], "shape", (3, 3, 1, 32))
        del opened[path]
        virtual = h5py.VirtualLayout(shape, "float32")
        virtual[...] = h5py.VirtualSource("other.h5", "x", shape=shape)
        unlimited = {"chunks": (2**22, *shape[1:]), "maxshape": (None, *shape[1:])}
        replace = [
            lambda: opened.__setitem__(path, h5py.SoftLink("/")),
            lambda: opened.__setitem__(path, h5py.ExternalLink("other.h5", "/")),
            lambda: opened.__setitem__(path, opened["/"]),
            lambda: opened.create_virtual_dataset(path, virtual),
            lambda: opened.create_dataset(path, shape, "f4", external=[("/dev/zero", 0, 2**30)]),
            lambda: opened.create_dataset(path, shape, "f4", compression="gzip", **unlimited),
            lambda: opened.create_dataset(path, (2**20, 2**10), "f4", compression="gzip"),
            lambda: opened.create_dataset(path, shape, h5py.string_dtype()),
            lambda: opened.create_dataset(path, shape, "c8"),
        ]
        replace[rng.integers(len(replace))]()
    return file.getvalue()


def zero_free_space(content, rng):
    """Set the size of the free space of a global heap to zero, on which HDF5 loops."""
    content = bytearray(content)
    heap = content.find(b"GCOL\x01")
    if heap >= 0:
        place = heap + 16
        while place + 16 < len(content) and struct.unpack_from("<H", content, place)[0]:
            place += 16 + -(-struct.unpack_from("<Q", content, place + 8)[0] // 8) * 8
        struct.pack_into("<Q", content, place + 8, 0)
    return bytes(content)


# -- IDX -----------------------------------------------------------------------------------------


def other_idx_header(content, rng):
    n_dimensions = int(rng.choice([0, 1, 3, 64, 65, 255]))
    shape = rng.choice(np.array([0, 1, 2, 28, 2**16, 2**31, 2**32 - 1], ">u4"), n_dimensions)
    return bytes([0, 0, 8, n_dimensions]) + shape.astype(">u4").tobytes() + content[16:]


def packed_idx_header(content, rng):
    return gzip.compress(other_idx_header(gzip.decompress(content), rng))


def gzip_bomb(content, rng):
    header = [gzip.decompress(content), b"", bytes([0, 0, 8, 1, 255, 255, 255, 255])]
    return gzip.compress(header[rng.integers(3)]) + gzip.compress(bytes(2**22)) * 64
