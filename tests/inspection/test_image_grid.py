"""ImageGridDisplay."""

import os
from io import BytesIO

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skfashion import TransferClassifier
from skfashion.inspection import ImageGridDisplay
from tests.inspection.panels import texts


def test_the_most_confident_mistakes_of_the_target_task(fitted, fashion_test):
    X, y = fashion_test
    display = ImageGridDisplay.from_estimator(fitted, X, y, n_images=5)
    X, y = X[y < 5], y[y < 5]
    probabilities = fitted.predict_proba(X)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    worst = wrong[np.argsort(-probabilities.max(axis=1)[wrong], kind="stable")][:5]
    assert_array_equal(display.images, X[worst])
    assert_array_equal(display.y_true, y[worst])
    assert_array_equal(display.y_pred, probabilities.argmax(axis=1)[worst])
    assert_allclose(display.confidence, probabilities.max(axis=1)[worst])
    for image, expected in zip(display.images_, X[worst], strict=True):
        assert_array_equal(image.get_array(), expected)
    assert display.title_.get_text() == (
        f"The 5 most confident of {len(wrong)} mistakes among 50 target-task images,\n"
        "50 images outside the target task left out"
    )


@pytest.mark.parametrize(
    "change",
    [lambda X: X.reshape(len(X), -1), lambda X: X / 255, lambda X: X[..., None]],
    ids=["flat", "float", "channel"],
)
def test_images_look_the_same_however_they_come(fashion_test, change):
    X, y = fashion_test
    y_pred, confidence = np.roll(y, 1), np.linspace(0, 1, len(y))
    expected, images = (
        ImageGridDisplay.from_predictions(some, y, y_pred, confidence).images
        for some in (X, change(X))
    )
    assert images.shape == (12, 14, 14)
    assert_allclose(images, expected, atol=1e-4)


def test_grid_of_a_pipeline_shows_images_as_they_came(make, fashion, fashion_test):
    names = np.array(list("abcdefghij"))
    X, y = (part.reshape(len(part), -1) for part in (fashion[0], fashion_test[0]))
    pipe = make_pipeline(FunctionTransformer(np.negative), make(pretrain_classes=list("fghij")))
    pipe.fit(X.astype(float), names[fashion[1]])
    display = ImageGridDisplay.from_estimator(
        pipe, y, names[fashion_test[1]], n_images=1, class_names={"a": "Shirt"}
    )
    assert display.images.shape == (1, 14, 14)
    assert (display.images[0] == fashion_test[0]).all(axis=(1, 2)).any()


def test_colours_and_names():
    X = np.random.default_rng(0).random((4, 6, 9, 3))
    display = ImageGridDisplay.from_predictions(
        X,
        [0, 1, 2, 7],
        [1, 1, 0, 0],
        [0.5, 0.9, 0.9999, 0.6],
        class_names=["cat", "dog"],
        imshow_kw={"interpolation": "nearest"},
        text_kw={"color": "green"},
    )
    black, white = X.min(), X.max()
    assert (black > 0, white < 1) == (True, True)  # floats from 0 to 1 are not stretched
    assert_array_equal(display.images, np.rint(X[[2, 3, 0]] * 255).astype(np.uint8))
    assert [texts(panel) for panel in display.axes_.flat] == [
        ["cat (>99%)", "is 2"],
        ["cat (60%)", "is 7"],
        ["dog (50%)", "is cat"],
    ]
    assert display.axes_[0, 0].texts[0].get_color() == "green"
    assert display.images_[0].get_interpolation() == "nearest"
    assert display.title_.get_text() == "All 3 mistakes among 4 images"


def test_colours_outside_the_range_of_pixels_are_the_nearest():
    X = np.full((2, 4, 4, 3), 0.5)
    X[0, 0, :2] = [1.0 + 1 / 255, -1 / 255, 2.0]
    display = ImageGridDisplay.from_predictions(X, [0, 0], [1, 1], [0.9, 0.8], pixel_range=(0, 1))
    assert display.images[0, 0, 0].tolist() == [255, 0, 255]
    assert display.images[0, 0, 2].tolist() == [128, 128, 128]


def test_labels_never_seen_are_mistakes(fitted, fashion_test):
    X, y = fashion_test
    y = np.where(y == 0, 10, y)
    display = ImageGridDisplay.from_estimator(fitted, X, y, n_images=50)
    assert np.sum(display.y_true == 10) == 10


def test_no_mistake_is_a_picture_that_says_so(fashion_test):
    X, y = fashion_test
    for images in (X, X / 255):
        display = ImageGridDisplay.from_predictions(images, y, y, np.ones(len(y)))
        assert texts(display.axes_[0, 0]) == ["No mistakes among 100 images"]
        assert not display.images_


def test_labels_of_another_type_are_no_mistakes(fitted, fashion_test):
    X, y = fashion_test
    with pytest.raises(ValueError, match=r"y has labels of type <U21, .* convert those of y"):
        ImageGridDisplay.from_estimator(fitted, X, y.astype(str))
    with pytest.raises(ValueError, match="Mix of label input types"):
        ImageGridDisplay.from_predictions(X, y, y.astype(str), np.ones(len(y)))


def test_what_a_grid_cannot_show(fitted, fashion_test):
    X, y = fashion_test
    for number in (0, 2.5, None, True):
        with pytest.raises(ValueError, match=f"n_images must be an integer .* got {number}. Pass"):
            ImageGridDisplay.from_estimator(fitted, X, y, n_images=number)
    with pytest.raises(ValueError, match="No row of y has a label of the target task"):
        ImageGridDisplay.from_estimator(fitted, X[y > 4], y[y > 4])
    n, surely = len(y), np.ones(len(y))
    with pytest.raises(ValueError, match=f"X and y must .* same length, got {n} and 3 rows. Pass"):
        ImageGridDisplay.from_estimator(fitted, X, y[:3])
    with pytest.raises(ValueError, match=f"X and y_pred must .* got {n} and 3 rows. Pass one"):
        ImageGridDisplay.from_predictions(X, y, y[:3], surely)
    with pytest.raises(
        ValueError, match=r"confidence must .* shape \(.*, 5\)\. Pass .*max\(axis=1"
    ):
        ImageGridDisplay.from_predictions(X, y, y, fitted.predict_proba(X))
    with pytest.raises(ValueError, match=r"y_pred must be a 1d array .* y_pred.argmax\(axis=1\)"):
        ImageGridDisplay.from_predictions(X, y, fitted.predict_proba(X), surely)
    with pytest.raises(ValueError, match="resize='fit' is not one of"):
        ImageGridDisplay.from_predictions(X, y, y, surely, resize="fit")
    with pytest.raises(ValueError, match=r"class_names must be a dict.* label 'b'"):
        ImageGridDisplay.from_predictions(
            X[:2], ["a", "b"], ["b", "a"], [1, 1], class_names=["cat", "dog"]
        )


# -- Files -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    noise = np.random.default_rng(0).integers(0, 255, (12, 20, 30, 3), dtype=np.uint8)
    paths = [folder / f"a rather long name, number {number}.png" for number in range(len(noise))]
    for path, image in zip(paths, noise, strict=True):
        Image.fromarray(image).save(path)
    return paths, np.arange(len(paths)) % 2


@pytest.mark.parametrize("pixel_range", [None, (255, 0)])
def test_files_are_shown_as_the_network_gets_them_with_their_names(files, pixel_range):
    paths, y = files
    clf = TransferClassifier(epochs=0, input_size=16, resize="stretch", random_state=0)
    clf.set_params(pixel_range=pixel_range).fit(paths, y)
    display = ImageGridDisplay.from_estimator(clf, paths, y, n_images=3)
    assert display.images.shape == (3, 16, 16, 3)
    shown = display.images if pixel_range is None else 255 - display.images
    probabilities = clf.predict_proba(shown)
    assert_allclose(probabilities.max(axis=1), display.confidence, rtol=1e-6)
    by_name = {path.name: path for path in paths}
    resized = [by_name[name] for name in display.file_names]
    assert_allclose(clf.predict_proba(resized), probabilities, rtol=1e-6)
    lines = texts(display.axes_.flat[0])
    assert lines[2] == "…" + display.file_names[0][-19:]


def test_predictions_of_files(files):
    paths, y = files
    display = ImageGridDisplay.from_predictions(paths, y, 1 - y, np.linspace(0, 1, len(y)))
    assert display.images.shape == (12, 224, 224, 3)
    assert display.file_names[0] == paths[-1].name
    no_mistake = ImageGridDisplay.from_predictions(paths, y, y, np.ones(len(y)))
    assert len(no_mistake.images) == 0


@pytest.mark.parametrize("dtype", [float, np.uint16])
def test_arrays_of_several_sizes_are_checked_as_in_fit(dtype):
    X = [np.zeros((9, 9, 3), dtype), np.zeros((8, 9, 3), dtype)]
    with pytest.raises(ValueError, match=f"must be uint8, .* one is {np.dtype(dtype)}"):
        ImageGridDisplay.from_predictions(X, [0, 1], [1, 0], [0.9, 0.8])


def test_white_is_255_whether_images_are_decoded_or_not():
    array = np.full((9, 9), 230, np.uint8)
    for X in ([array, array], [array, array[1:]], [array, array[..., None]]):
        display = ImageGridDisplay.from_predictions(
            X, [0, 1], [1, 0], [0.9, 0.8], image_shape=(9, 9), pixel_range=(255, 0)
        )
        assert_array_equal(display.images, np.full((2, 9, 9), 25))


def test_file_names_may_be_numbers(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    for name in ("0001", "cat.png"):
        Image.new("L", (9, 9)).save(name, format="png")
    display = ImageGridDisplay.from_predictions(["0001", "cat.png"], [0, 1], [1, 0], [0.9, 0.8])
    assert display.file_names == ["0001", "cat.png"]


def test_labels_may_have_bytes_that_are_no_text():
    names = np.array([os.fsdecode(b"caf\xe9"), "two\nlines, one of them long"])
    display = ImageGridDisplay.from_predictions(
        np.zeros((2, 8, 8), "uint8"), names, names[::-1], [0.9, 0.8]
    )
    display.figure_.savefig(BytesIO())
    assert texts(display.axes_[0, 0]) == ["two lin…em long (90%)", "is caf?"]


def test_the_range_of_pixels_is_known_in_searches_too(make, fashion, fashion_test):
    (X, y), (X_test, y_test) = fashion, fashion_test
    clf = make(pixel_range=(0, 16), epochs=1)
    search = GridSearchCV(clf, {"epochs": [1]}, cv=2).fit(X // 16, y)
    expected = ImageGridDisplay.from_estimator(search.best_estimator_, X_test // 16, y_test)
    assert expected.images.max() > 200
    for estimator in (search, FrozenEstimator(search.best_estimator_)):
        display = ImageGridDisplay.from_estimator(estimator, X_test // 16, y_test)
        np.testing.assert_array_equal(display.images, expected.images)


def test_names_with_dollars_are_no_formulas_and_have_no_backslash():
    names = {0: "$abcdef$ghijklmnopqrstuvw", 1: "is $5 dresses"}
    figure, ax = plt.subplots(figsize=(1.5, 3))
    images = np.zeros((2, 8, 8), "uint8")
    display = ImageGridDisplay.from_predictions(
        images, [0, 1], [1, 0], [0.9, 0.8], class_names=names, ax=ax, n_columns=2
    )
    shown = [text for panel in display.axes_.ravel() for text in panel.texts]
    assert not any("\\" in text.get_text() for text in shown)
    assert not any(text.get_parse_math() for text in shown)
    assert any("$" in text.get_text() for text in shown)
    figure.draw_without_rendering()


@pytest.mark.parametrize("n_mistakes", [0, 1, 7])
def test_more_axes_than_images_may_be_given(n_mistakes):
    """A caller makes the Axes before the number of mistakes is known."""
    y = np.zeros(20, int)
    y_pred = np.where(np.arange(20) < n_mistakes, 1, 0)
    _, axes = plt.subplots(3, 4)
    display = ImageGridDisplay.from_predictions(
        np.zeros((20, 8, 8), "uint8"), y, y_pred, np.ones(20), ax=axes
    )
    assert display.axes_.shape == (3, 4)
    assert (display.axes_ == axes).all()
    assert [len(panel.images) for panel in axes.flat] == [1] * n_mistakes + [0] * (12 - n_mistakes)
    assert not any(panel.axison for panel in axes.flat)


def test_fewer_axes_than_images_are_an_error():
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match=r"or at least 3 of them, got 2\. Pass one"):
        ImageGridDisplay.from_predictions(
            np.zeros((3, 8, 8), "uint8"), [0] * 3, [1] * 3, np.ones(3), ax=axes
        )
