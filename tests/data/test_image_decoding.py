"""One image becomes an array: modes, orientations, formats, sizes."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

from skfashion._data.decoded_rows import DecodedRows
from skfashion._data.image_decoding import ImageDecoder, common_shape

PHOTO = load_sample_image("flower.jpg")[100:340, 200:520]
SHAPE = (*PHOTO.shape[:2], 3)
AS_IT_IS = ImageDecoder(SHAPE, "stretch")


def photo(mode="RGB"):
    return Image.fromarray(PHOTO).convert(mode)


def with_alpha(mode):
    image = photo(mode)
    ramp = np.broadcast_to(np.linspace(0, 255, SHAPE[1]).astype(np.uint8), SHAPE[:2])
    image.putalpha(Image.fromarray(ramp))
    return image


def over_white(image):
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"))


@pytest.mark.parametrize(
    "ending", ["jpg", "png", "webp", "bmp", "tif", "gif", "ppm", "avif", "jp2"]
)
def test_every_format_is_decoded_as_pillow_does(tmp_path, ending):
    path = tmp_path / f"photo.{ending}"
    photo().save(path)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
        assert np.array_equal(AS_IT_IS.decode(str(path)), expected)
        assert np.array_equal(AS_IT_IS.decode(image), expected)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV"])
@pytest.mark.parametrize("channels", [1, 3])
def test_opaque_modes_are_converted_as_pillow_does(mode, channels):
    image = photo(mode)
    target = image.convert("L" if channels == 1 else "RGB")
    decoded = ImageDecoder((*SHAPE[:2], channels), "stretch").decode(image)
    assert np.array_equal(decoded, np.asarray(target).reshape(decoded.shape))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_transparent_pixels_are_laid_over_white(tmp_path, mode):
    image = with_alpha(mode)
    assert np.array_equal(AS_IT_IS.decode(image), over_white(image))
    image.save(tmp_path / "a.png")
    assert np.array_equal(AS_IT_IS.decode(tmp_path / "a.png"), over_white(image))
    assert AS_IT_IS.decode(image)[0, 0].tolist() == [255, 255, 255]


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    image = photo("P")
    image.save(tmp_path / "a.png", transparency=int(np.asarray(image)[0, 0]))
    decoded = AS_IT_IS.decode(tmp_path / "a.png")
    assert decoded[0, 0].tolist() == [255, 255, 255]
    with Image.open(tmp_path / "a.png") as opened:
        assert np.array_equal(decoded, over_white(opened))


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_sixteen_bits_are_divided_by_257(tmp_path, ending):
    values = np.linspace(0, 65_535, 240 * 320).astype(np.uint16).reshape(240, 320)
    path = tmp_path / f"deep.{ending}"
    Image.fromarray(values).save(path)
    decoded = AS_IT_IS.decode(path)
    assert np.array_equal(decoded[..., 0], np.round(values / 257).astype(np.uint8))
    assert decoded.min() == 0
    assert decoded.max() == 255
    with Image.open(path) as image:
        assert common_shape([image]) == (240, 320, 1)
        assert np.array_equal(ImageDecoder((240, 320, 1), "crop").decode(image), decoded[..., :1])
    with Image.open(path) as image:
        image.getexif()[0x0112] = 3
        assert np.array_equal(AS_IT_IS.decode(image), decoded[::-1, ::-1])


def test_a_transparent_grey_of_sixteen_bits_is_white(tmp_path):
    values = np.asarray(photo("L")).astype(np.uint16)
    # 8 bits do not tell this value from the transparent one.
    values[0] = 257 * values[1, 0] + 1
    values[1:] *= 257
    Image.fromarray(values).save(tmp_path / "deep.png", transparency=int(values[1, 0]))
    expected = np.round(values / 257).astype(np.uint8)
    expected[values == values[1, 0]] = 255
    assert np.array_equal(AS_IT_IS.decode(tmp_path / "deep.png")[..., 0], expected)
    assert expected[0, 0] < 255


def write_tiff_of_12_bits(path, values, orientation=1):
    """Write a grey file, as scanners do: Pillow reads these, but does not write them."""
    pixels = b"".join(
        int("".join(f"{value:012b}" for value in row), 2).to_bytes(len(row) * 12 // 8, "big")
        for row in values.tolist()
    )
    tags = {256: values.shape[1], 257: values.shape[0], 258: 12, 259: 1, 262: 1, 273: 0}
    tags |= {274: orientation, 277: 1, 278: values.shape[0], 279: len(pixels)}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    header = b"II*\0" + struct.pack("<IH", 8, len(tags))
    path.write_bytes(header + entries + bytes(4) + pixels)


@pytest.mark.parametrize("orientation", [1, 3])
def test_twelve_bits_of_a_tiff_file_are_divided_by_their_largest_value(tmp_path, orientation):
    values = np.linspace(0, 4095, 240 * 320).astype(np.uint16).reshape(240, 320)
    write_tiff_of_12_bits(tmp_path / "deep.tif", values, orientation)
    grey = np.round(values / 4095 * 255).astype(np.uint8)
    expected = grey if orientation == 1 else grey[::-1, ::-1]
    assert np.array_equal(AS_IT_IS.decode(tmp_path / "deep.tif")[..., 0], expected)
    assert (expected.min(), expected.max()) == (0, 255)
    with Image.open(tmp_path / "deep.tif") as image:
        assert common_shape([image]) == (240, 320, 1)
        image.getexif()[0x0112] = 3
        assert np.array_equal(AS_IT_IS.decode(image)[..., 0], expected[::-1, ::-1])


@pytest.mark.parametrize("channels", [1, 3])
def test_modes_that_pillow_converts_to_few_others(channels):
    decoder = ImageDecoder((*SHAPE[:2], channels), "stretch")
    premultiplied = with_alpha("L").convert("La")
    expected = over_white(premultiplied.convert("LA"))[..., :channels]
    assert np.array_equal(decoder.decode(premultiplied), expected)
    lab = Image.frombytes("LAB", SHAPE[1::-1], PHOTO.tobytes())
    assert np.array_equal(decoder.decode(lab), decoder.decode(lab.convert("RGB")))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_have_no_black_and_white(mode):
    with pytest.raises(ValueError, match=f"32-bit pixels .mode {mode}.*8 or 16 bits"):
        AS_IT_IS.decode(photo(mode))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("ending", "reduced"), [("jpg", True), ("jpg", False), ("png", True), ("tif", True)]
)
def test_orientations_are_applied(tmp_path, orientation, ending, reduced):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{ending}"
    photo().save(path, exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    decoder = ImageDecoder(expected.shape, "stretch", reduced)
    assert np.array_equal(decoder.decode(path), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_are_applied_to_reduced_images(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo().save(tmp_path / "turned.jpg", exif=exif)
    with Image.open(tmp_path / "turned.jpg") as image:
        image.draft(None, (160, 120))
        half = np.asarray(ImageOps.exif_transpose(image))
    assert sorted(half.shape) == [3, 120, 160]
    decoder = ImageDecoder((half.shape[0] // 2, half.shape[1] // 2, 3), "stretch")
    assert np.array_equal(decoder.decode(tmp_path / "turned.jpg"), decoder.decode(half))


@pytest.mark.parametrize(
    "other",
    [(0x128, 2, 4, 0x41414141), (0x102, 8, 1, 0xFFFF), (0x103, 6, 1, 0xFF)],
    ids=["ResolutionUnit is text", "BitsPerSample is negative", "Compression is negative"],
)
def test_the_orientation_is_applied_if_another_tag_is_invalid(tmp_path, other):
    tags = [(0x0112, 3, 1, 6), other]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)
    photo().save(tmp_path / "turned.jpg", exif=exif)
    with Image.open(tmp_path / "turned.jpg") as image:
        expected = np.asarray(image.transpose(Image.Transpose.ROTATE_270))
    decoder = ImageDecoder(expected.shape, "stretch")
    assert np.array_equal(decoder.decode(tmp_path / "turned.jpg"), expected)


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_exif_data_that_cannot_be_read_are_ignored(tmp_path, ending):
    path = tmp_path / f"photo.{ending}"
    photo().save(path, exif=b"no EXIF data", lossless=True)
    assert np.array_equal(AS_IT_IS.decode(path), PHOTO)
    with Image.open(path) as image:
        assert common_shape([image]) == SHAPE


def test_damaged_pixels_are_an_error(tmp_path):
    path = tmp_path / "photo.png"
    photo().save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(OSError, match="data stream"):
        AS_IT_IS.decode(path)


def test_the_first_frame_of_an_animation(tmp_path):
    frames = [photo(), photo().transpose(Image.Transpose.ROTATE_180)]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert np.array_equal(AS_IT_IS.decode(tmp_path / "moving.webp"), PHOTO)


@pytest.mark.parametrize(
    "array", [PHOTO, PHOTO[..., 0], PHOTO[..., :1], np.dstack([PHOTO, PHOTO[..., 0]])]
)
def test_arrays_are_as_pillow_images(array):
    image = Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)
    assert np.array_equal(AS_IT_IS.decode(array), AS_IT_IS.decode(image))


# -- Size ------------------------------------------------------------------------------------------


def weights_of(n_in, n_out, begin, end):
    """Return the matrix of bilinear interpolation with antialiasing, in float64."""
    scale = (end - begin) / n_out
    support = max(scale, 1.0)
    centers = begin + (np.arange(n_out) + 0.5) * scale
    distances = np.abs(np.arange(n_in) + 0.5 - centers[:, None]) / support
    triangle = np.clip(1 - distances, 0, None)
    return triangle / triangle.sum(1, keepdims=True)


def reference(image, shape, box):
    left, top, right, bottom = box
    rows = weights_of(image.shape[0], shape[0], top, bottom)
    columns = weights_of(image.shape[1], shape[1], left, right)
    resized = np.einsum("ih,hwc,jw->ijc", rows, image.astype(float), columns, optimize=True)
    return np.round(resized)


SIZES = [(64, 64), (32, 96), (96, 32), (300, 400)]


@pytest.mark.parametrize("size", SIZES)
def test_stretch(size):
    height, width = SHAPE[:2]
    decoded = ImageDecoder((*size, 3), "stretch").decode(PHOTO)
    assert np.abs(decoded - reference(PHOTO, size, (0, 0, width, height))).max() <= 1


@pytest.mark.parametrize("size", SIZES)
def test_crop_takes_the_largest_rectangle_in_the_centre(size):
    height, width = SHAPE[:2]
    scale = max(size[0] / height, size[1] / width)
    left, top = (width - size[1] / scale) / 2, (height - size[0] / scale) / 2
    decoded = ImageDecoder((*size, 3), "crop").decode(PHOTO)
    expected = reference(PHOTO, size, (left, top, width - left, height - top))
    assert np.abs(decoded - expected).max() <= 1


def test_no_size_is_cropped_beyond_the_image():
    white = np.full((200, 200, 3), 255, np.uint8)
    for height in range(90, 200, 3):
        for width in range(90, 200, 7):
            decoded = ImageDecoder((48, 48, 3), "crop").decode(white[:height, :width])
            assert decoded.min() == 255


@pytest.mark.parametrize("size", SIZES)
def test_pad_keeps_all_of_the_image(size):
    height, width = SHAPE[:2]
    scale = min(size[0] / height, size[1] / width)
    inner = round(scale * height), round(scale * width)
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    expected = np.zeros((*size, 3))
    expected[top : top + inner[0], left : left + inner[1]] = reference(
        PHOTO, inner, (0, 0, width, height)
    )
    decoded = ImageDecoder((*size, 3), "pad").decode(PHOTO)
    assert np.abs(decoded - expected).max() <= 1


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
def test_a_line_of_pixels_takes_no_memory(resize):
    line = np.full((1, 60_000, 3), 200, np.uint8)
    decoded = ImageDecoder((32, 32, 3), resize).decode(line)
    assert decoded.shape == (32, 32, 3)
    assert decoded.max() == 200


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_reduced_decoding_is_close(tmp_path, resize, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "large.jpg"
    large = Image.fromarray(load_sample_image("china.jpg"))
    large.resize((1600, 1064)).save(path, quality=92, exif=exif)
    fast, exact = (ImageDecoder((96, 96, 3), resize, way).decode(path) for way in (True, False))
    difference = np.abs(fast.astype(int) - exact)
    assert difference.mean() < 1
    assert difference.max() <= 16
    assert difference.any()


def test_an_image_below_twice_the_size_is_not_reduced(tmp_path):
    path = tmp_path / "small.jpg"
    photo().resize((190, 190)).save(path)
    fast, exact = (ImageDecoder((96, 96, 3), "crop", way).decode(path) for way in (True, False))
    assert np.array_equal(fast, exact)


# -- Several Pillow images -------------------------------------------------------------------------


def test_pillow_images_of_one_size_have_a_common_shape():
    assert common_shape([photo("L")] * 2) == (*SHAPE[:2], 1)
    assert common_shape([photo("P"), photo("L"), photo()]) == SHAPE
    assert common_shape([photo(), photo().resize((10, 10))]) is None


def test_arrays_of_one_size_have_the_shape_of_their_pillow_images():
    assert common_shape([PHOTO[..., 0], PHOTO[..., :1]]) == (*SHAPE[:2], 1)
    assert common_shape([PHOTO[..., 0], PHOTO]) == SHAPE
    assert common_shape([PHOTO, PHOTO[1:]]) is None


def test_one_image_of_pillow_may_be_in_a_list_many_times(tmp_path):
    photo().resize((1600, 1200)).save(tmp_path / "photo.jpg")
    decoder = ImageDecoder((24, 32, 3), "stretch")
    for _ in range(5):
        with Image.open(tmp_path / "photo.jpg") as image:
            rows = DecodedRows([image] * 8, decoder)[:]
        assert (rows == rows[0]).all()
