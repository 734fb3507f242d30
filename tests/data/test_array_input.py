"""What is passed as X and is no array of images: the error says what it is, and what to do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skfashion import BackboneFeatures, TransferClassifier
from skfashion._data.array_input import as_array
from skfashion._data.image_shapes import as_rows
from skfashion.inspection import GradCAMDisplay, ImageGridDisplay

Y = [0, 1, 0, 1]
GREY = np.arange(4 * 81, dtype=np.uint8).reshape(4, 9, 9)
COLOUR = np.repeat(GREY[..., None], 3, axis=-1)


def picture(mode, size=(9, 9)):
    return Image.new(mode, size)


FLOATS = GREY / 255
BYTES = r"X holds bytes, such as b'a\.png'\. Paths must be str or path-like"
MIXED = "X must hold items of one kind, but item 0 is a (path|Pillow image), and item 1 is "
ONE_IMAGE = [
    pytest.param(lambda: "a.png", r"it is the path 'a\.png'\. Pass \[X\] for one file"),
    pytest.param(lambda: np.str_("photos"), "it is the path 'photos'.*load_image_folder"),
    pytest.param(lambda: Path("a.png"), r"it is the path 'a\.png'\. Pass \[X\]"),
    pytest.param(lambda: picture("L"), r"it is one Pillow image\. Pass \[X\]"),
]
NOT_IMAGES = [
    pytest.param(
        lambda: [FLOATS[0], FLOATS[1, :7], *FLOATS[:2]], r"must be uint8, .* one is float64.*astype"
    ),
    pytest.param(lambda: [GREY[0], COLOUR[1, ..., :2], *GREY[:2]], r"one has shape \(9, 9, 2\)"),
    pytest.param(
        lambda: [image.tolist() for image in (GREY[0], GREY[1, :7], *GREY[:2])],
        r"the same shape, but there are images of shape \(9, 9\), \(7, 9\)\. Pass a list of uint8",
    ),
    pytest.param(lambda: [b"a.png", b"b.png"] * 2, BYTES),
    pytest.param(lambda: np.array([b"a.png", b"b.png"] * 2)[:, None], BYTES),
    pytest.param(lambda: ["a.png", 1, 2, 3], MIXED + "1, of type int"),
    pytest.param(
        lambda: pd.Series([np.nan, "a.png"] * 2),
        "one kind, but item 1 is a path, and item 0 is nan, of type float",
    ),
    pytest.param(lambda: ["0001", "no.png"] * 2, "of 4 images cannot be read .*0001'"),
    pytest.param(lambda: [Path("a.png"), None] * 2, MIXED + "None, of type NoneType"),
    pytest.param(
        lambda: [picture("L"), GREY[0]] * 2,
        r"but item 0 is a Pillow image, and item 1 is array.*, of type ndarray",
    ),
    pytest.param(
        lambda: [GREY[0], picture("L")] * 2,
        r"but item 1 is a Pillow image, and item 0 is array.*, of type ndarray",
    ),
    pytest.param(lambda: ["https://example.org/a.png"] * 4, "it is a URL: download the file"),
    pytest.param(lambda: ["no.png", "nothing.png"] * 2, r"of 4 images cannot be read \('no.png'"),
    pytest.param(
        lambda: np.array(["no.png", "nothing.png"]), r"of 2 images cannot be read \('no.png'"
    ),
    pytest.param(
        lambda: (image for image in GREY), r"it is a generator, .* np\.stack\(list\(X\)\)"
    ),
    pytest.param(lambda: iter(GREY), "read only once"),
    pytest.param(lambda: map(np.asarray, GREY), "it is a map"),
    *ONE_IMAGE,
    pytest.param(list, "X must hold at least one image or path, but it is empty"),
    pytest.param(lambda: np.array([], dtype=str), "but it is empty"),
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
        with pytest.raises((ValueError, TypeError, OSError), match=message):
            call(make_X())


@pytest.mark.parametrize(("make_X", "message"), ONE_IMAGE)
def test_evaluations_say_so_before_they_compare_lengths(fitted_both, make_X, message):
    clf = fitted_both["predict"].__self__
    calls = [
        lambda X: clf.score(X, [0]),
        lambda X: GradCAMDisplay.from_estimator(clf, X),
        lambda X: GradCAMDisplay.from_estimator(clf, X, [0]),
        lambda X: ImageGridDisplay.from_estimator(clf, X, [0]),
        lambda X: ImageGridDisplay.from_predictions(X, [0], [1], [0.5]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call(make_X())


def test_the_message_of_many_shapes_is_short():
    with pytest.raises(ValueError, match=r"\(2, 2\), \(3, 2\), \(4, 2\), \.\.\.\. Pass"):
        as_array([np.zeros((side, 2)).tolist() for side in range(2, 30)])


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
    assert as_rows([COLOUR[0].tolist()] * 4)[1] == (9, 9, 3)
    assert as_array(picture("L")).shape == (9, 9)


@pytest.mark.parametrize("images", [GREY, FLOATS], ids=["uint8", "floats"])
def test_only_some_grey_images_have_a_channel(images):
    mixed = [images[0], images[1][..., None], *images[2:]]
    clf = TransferClassifier(epochs=1, image_shape=(9, 9), random_state=0)
    clf.fit(images, Y, X_val=mixed, y_val=Y)
    assert np.array_equal(clf.predict_proba(mixed), clf.predict_proba(images))
    features = BackboneFeatures(random_state=0).fit(images)
    assert np.array_equal(features.transform(mixed), features.transform(images))


def test_only_some_grey_images_have_a_channel_in_fit():
    mixed = [GREY[0], GREY[1][..., None], *GREY[2:]]
    clf = TransferClassifier(epochs=1, image_shape=(9, 9), random_state=0)
    probabilities = clf.fit(mixed, Y, X_val=mixed, y_val=Y).predict_proba(mixed)
    assert np.array_equal(probabilities, clf.fit(GREY, Y, X_val=GREY, y_val=Y).predict_proba(GREY))


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
        with pytest.raises(ValueError, match=r"it is one Pillow image\. Pass \[X\]"):
            method(picture("L"))
        assert len(method([picture("L")])) == 1


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
