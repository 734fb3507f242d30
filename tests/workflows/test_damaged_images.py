"""Hundreds of damaged files: each is decoded or refused by name, in bounded time and memory."""

from tests.programs import run_program

PROGRAM = r"""
import io, struct, sys, warnings, zlib
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from skfashion._data.decoded_rows import DecodedRows
from skfashion._data.image_decoding import ImageDecoder
from skfashion._data.image_files import check_image_headers
from tests.programs import peak_bytes

warnings.simplefilter("ignore")  # Pillow's, of damaged metadata and of bombs
folder, rng = Path(sys.argv[1]), np.random.default_rng(0)
photo = Image.fromarray(load_sample_image("flower.jpg")[:240, :320])
ENDINGS = ("jpg", "png", "webp", "bmp", "tif", "gif", "ppm", "avif", "jp2")


def encode(ending):
    memory = io.BytesIO()
    photo.save(memory, Image.registered_extensions()["." + ending])
    return memory.getvalue()


def png(width, height, color_type=2):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1_000_000), 9)
    parts = [struct.pack(">I", len(p) - 4) + p + struct.pack(">I", zlib.crc32(p))
             for p in (header, data, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def damage(content, kind):
    content = bytearray(content)
    if kind == "flips":
        for _ in range(rng.integers(1, 20)):
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    elif kind == "early flips":
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(min(200, len(content)))] ^= 1 << rng.integers(8)
    elif kind == "cut":
        del content[rng.integers(len(content)):]
    elif kind == "zeros":
        begin = rng.integers(len(content))
        content[begin : begin + 500] = bytes(min(500, len(content) - begin))
    return bytes(content)


files = []
whole = {ending: encode(ending) for ending in ENDINGS}
for ending in ENDINGS:
    for kind in ("flips", "early flips", "cut", "zeros"):
        for number in range(13):
            files.append((f"{kind} {number}.{ending}", damage(whole[ending], kind)))
    files.append((f"swapped.{ENDINGS[ENDINGS.index(ending) - 1]}", whole[ending]))
for width, height in ((50_000, 50_000), (12_000, 12_000), (2**31 - 1, 1), (9_400, 9_400)):
    for color_type in (0, 2, 6):
        files.append((f"bomb {width} {height} {color_type}.png", png(width, height, color_type)))
for number in range(500 - len(files)):
    files.append((f"noise {number}.png", rng.bytes(rng.integers(200))))

decoder = ImageDecoder((64, 64, 3), "crop")
DecodedRows([photo], decoder)[:]
before = peak_bytes()
faults = {}
for name, content in files:
    path = folder / name
    path.write_bytes(content)
    try:
        check_image_headers([path])
        DecodedRows([str(path)], decoder)[:]
    except (ValueError, OSError) as error:
        assert name in str(error), error
        assert "of 1 images cannot be read" in str(error), error
        faults[name] = str(error)
after = peak_bytes()
for name, _ in files:
    kind, *sizes = name.split()
    if kind == "bomb" and int(sizes[0]) * int(sizes[1]) > Image.MAX_IMAGE_PIXELS:
        assert "Pillow's limit" in faults[name], faults[name]
    # The content tells the format, not the ending.
    assert not (kind.startswith("swapped.") and name in faults), faults[name]
print(len(files), len(files) - len(faults), (after - before) // 2**20)
"""


def test_damaged_files_raise_documented_errors_that_name_them(tmp_path):
    done = run_program(PROGRAM, tmp_path, timeout=120)
    n_files, n_decoded, megabytes = map(int, done.stdout.split())
    assert n_files == 500
    assert 50 <= n_decoded <= 400
    assert megabytes < 500
