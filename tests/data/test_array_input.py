"""What is passed as X and is no array of images: the error says what it is, and what to do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skfashion import BackboneFeatures, TransferClassifier
from skfashion._data.array_input import as_array
from skfashion._data.image_shapes import as_rows

Y = [0, 1, 0, 1]
GREY = np.arange(4 * 81, dtype=np.uint8).reshape(4, 9, 9)
COLOUR = np.repeat(GREY[..., None], 3, axis=-1)


def picture(mode, size=(9, 9)):
    return Image.new(mode, size)


def series(values):
    return pytest.importorskip("pandas").Series(values)


def objects(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


PATHS = ["a.png", "b.png", "a.png", "b.png"]
TEXT = r"X must be pixels, but it holds paths or text, such as .*a\.png.* Read the files first"
SHAPES = "All images in X must have the same shape, but there are images of shape "
NOT_IMAGES = [
    pytest.param(lambda: [GREY[0], GREY[1, :7], *GREY[:2]], SHAPES + r"\(9, 9\), \(7, 9\).*resize"),
    pytest.param(lambda: objects(GREY[0], GREY[1, :7], *GREY[:2]), SHAPES),
    pytest.param(lambda: series([GREY[0], GREY[1, :7], *GREY[:2]]), SHAPES),
    pytest.param(lambda: [GREY[0], COLOUR[1], *GREY[:2]], SHAPES + r".*\(9, 9, 3\).*one mode"),
    pytest.param(
        lambda: [picture("L"), picture("RGB")] * 2, SHAPES + r".*image\.convert\(\"RGB\"\)"
    ),
    pytest.param(lambda: [picture("L"), picture("L", (8, 9))] * 2, SHAPES),
    pytest.param(lambda: series(list(GREY)), r"column of 4 arrays\. Pass np\.stack\(list\(X\)\)"),
    pytest.param(lambda: series(list(GREY)).to_frame(), "column of 4 arrays"),
    pytest.param(lambda: PATHS, TEXT),
    pytest.param(lambda: tuple(PATHS), TEXT),
    pytest.param(lambda: np.array(PATHS), TEXT),
    pytest.param(lambda: np.array(PATHS)[:, None], TEXT),
    pytest.param(lambda: [Path(path) for path in PATHS], TEXT),
    pytest.param(lambda: [path.encode() for path in PATHS], TEXT),
    pytest.param(lambda: series(PATHS), TEXT),
    pytest.param(lambda: series(PATHS).to_frame("path"), TEXT),
    pytest.param(
        lambda: (image for image in GREY), r"it is a generator, .* np\.stack\(list\(X\)\)"
    ),
    pytest.param(lambda: iter(GREY), "read only once"),
    pytest.param(lambda: map(np.asarray, GREY), "it is a map"),
    pytest.param(lambda: None, "got a NoneType"),
    pytest.param(lambda: {"images": GREY}, "got a dict"),
]


@pytest.fixture(scope="module")
def fitted_both():
    clf = TransferClassifier(epochs=0, random_state=0).fit(GREY, Y)
    return {
        "predict": clf.predict,
        "transform": BackboneFeatures(random_state=0).fit(GREY).transform,
    }


@pytest.mark.parametrize(("make_X", "message"), NOT_IMAGES)
def test_every_method_says_so(fitted_both, make_X, message):
    calls = [
        lambda X: TransferClassifier().fit(X, Y),
        lambda X: TransferClassifier().partial_fit(X, Y, classes=[0, 1]),
        lambda X: BackboneFeatures().fit(X),
        *fitted_both.values(),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError), match=message):
            call(make_X())


def test_the_message_of_many_shapes_is_short():
    with pytest.raises(ValueError, match=r"\(2, 2\), \(3, 2\), \(4, 2\), \.\.\.\. Before"):
        as_array([np.zeros((side, 2)) for side in range(2, 30)])


@pytest.mark.parametrize("X", [[[1, 2], [3]], [np.zeros(2), np.zeros(3)]])
def test_rows_of_different_lengths_keep_the_error_of_numpy(X):
    with pytest.raises(ValueError, match="inhomogeneous"):
        as_array(X)


@pytest.mark.parametrize(
    "X",
    [
        np.arange(4),
        np.arange(4).astype(object),
        np.array([["1"], ["2"]]),
        np.array([["a", "b"]]),
        np.array([], dtype=str),
        np.zeros((0, 1), object),
    ],
)
def test_the_rest_is_left_to_scikit_learn(X):
    assert as_array(X) is X


def test_sparse_columns_are_left_to_scikit_learn():
    from scipy.sparse import csr_matrix

    column = csr_matrix(np.ones((3, 1)))
    assert as_array(column) is column


def test_pictures_of_one_shape_are_images():
    assert as_rows([picture("RGB")] * 4)[1] == (9, 9, 3)
    assert as_array(picture("L")).shape == (9, 9)


ONE = r"shape of one image, .*One image\? Pass X\[None\]"


@pytest.mark.parametrize("images", [GREY, GREY[..., None], COLOUR], ids=["grey", "one", "RGB"])
def test_one_image_at_predict(images):
    clf = TransferClassifier(epochs=0, random_state=0).fit(images, Y)
    features = BackboneFeatures(random_state=0).fit(images)
    for method in (clf.predict, clf.predict_proba, features.transform):
        for one in (images[0], images[0].tolist()):
            with pytest.raises(ValueError, match=ONE):
                method(one)
        assert len(method(images[0][None])) == 1


def test_one_picture_at_predict(fitted_both):
    for method in fitted_both.values():
        with pytest.raises(ValueError, match=ONE):
            method(picture("L"))


def test_rows_that_look_like_one_image_are_rows():
    rows = np.random.default_rng(0).normal(size=(10, 8))
    padded = TransferClassifier(epochs=0, random_state=0).fit(rows, [0, 1] * 5)
    assert padded.image_shape_ == (8, 8, 1)
    assert len(padded.predict(rows[:8])) == 8
    flat = np.random.default_rng(0).normal(size=(4, 64))
    line = TransferClassifier(epochs=0, image_shape=(1, 64), random_state=0).fit(flat, Y)
    assert len(line.predict(flat[:1])) == 1
    BackboneFeatures(image_shape=(1, 64), random_state=0).fit(flat[:1])


def test_one_image_in_fit():
    image, y = np.random.default_rng(0).integers(0, 255, (28, 28)), np.arange(28) % 2
    with pytest.warns(UserWarning, match=r"28 flat rows, .* \(28,\).*One image\? Pass X\[None\]"):
        TransferClassifier(epochs=0).fit(image, y)
    with pytest.warns(UserWarning, match=r"28 images, each of shape \(28, 3, 1\).*One image\?"):
        TransferClassifier(epochs=0).fit(np.stack([image] * 3, axis=-1), y)
    with pytest.warns(UserWarning, match=r"padded .* If X is one image, pass X\[None\]"):
        TransferClassifier(epochs=0).fit(np.vstack([np.hstack([image] * 3)] * 3), np.tile(y, 3))
    with pytest.raises(ValueError, match=ONE):
        TransferClassifier(epochs=0, image_shape=(28, 28)).fit(image, y)
