"""grad_cam and GradCAMDisplay."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skfashion import Recipe
from skfashion.inspection import GradCAMDisplay, grad_cam
from skfashion.inspection._grad_cam_display import _LUMA
from tests.inspection.panels import texts

RED, BLUE = "red", "blue"


def paint(squares, side=16):
    """Return a dark image with bright squares: (colour, row, column) of each."""
    image = np.random.default_rng(0).integers(0, 40, (side, side, 3), dtype="uint8")
    for color, row, column in squares:
        image[row : row + 5, column : column + 5, 0 if color == RED else 2] = 250
    return image


@pytest.fixture(scope="module")
def squares():
    """Images with a red or a blue square, anywhere."""
    places = np.random.default_rng(0).integers(0, 12, (60, 2))
    y = np.array([RED, BLUE] * 30)
    X = np.array([paint([(color, *at)]) for color, at in zip(y, places, strict=True)])
    return X, y


@pytest.fixture(scope="module")
def seer(make, squares):
    clf = make(epochs=5, batch_size=20, hidden_units=16).fit(*squares)
    assert clf.score(*squares) == 1
    return clf


def left_share(maps):
    return maps[..., : maps.shape[-1] // 2].sum(axis=(-2, -1)) / maps.sum(axis=(-2, -1))


def test_a_map_shows_where_its_class_is(seer):
    """Two objects in an image: the map is of the one that is asked for."""
    X = np.array([paint([(RED, 5, 1), (BLUE, 5, 10)]), paint([(BLUE, 5, 1), (RED, 5, 10)])])
    for layer in (None, "conv1", "features"):
        red, blue = (grad_cam(seer, X, layer=layer, target=color) for color in (RED, BLUE))
        assert left_share(red)[0] > 0.8
        assert left_share(blue)[0] < 0.2
        assert left_share(red)[1] < 0.2
        assert left_share(blue)[1] > 0.8
        each = grad_cam(seer, X, layer=layer, target=[RED, BLUE])
        assert_array_equal(each, [red[0], blue[1]])


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 8), (11, 11)])
def test_maps_are_aligned_with_pixels(seer, row, column):
    (heat,) = grad_cam(seer, paint([(RED, row, column)])[None], layer="conv1", target=RED)
    rows, columns = np.indices(heat.shape)
    center = [np.average(each, weights=heat) for each in (rows, columns)]
    assert_allclose(center, [row + 2, column + 2], atol=1.5)


def test_maps_are_of_the_predicted_classes_and_scaled(seer, squares):
    X, _ = squares
    maps = grad_cam(seer, X)
    assert maps.shape == X.shape[:3]
    assert maps.dtype == np.float32
    assert maps.min() == 0
    assert_array_equal(maps.max(axis=(1, 2)), 1)
    assert_array_equal(maps, grad_cam(seer, X, target=seer.predict(X)))
    assert_array_equal(maps, grad_cam(seer, X.reshape(len(X), -1)))
    for layer in ("conv2", 1, 2):
        again = grad_cam(seer, X, layer=layer)
        assert np.array_equal(maps, again) == (layer == "conv2")


def test_an_image_without_evidence_has_an_empty_map(seer):
    black = np.zeros((1, 16, 16, 3), "uint8")
    assert_array_equal(grad_cam(seer, black, layer="images", target=RED), 0)


def test_the_predicted_class_is_that_of_predict(make, squares):
    X, y = squares
    clf = make(hidden_units=8, recipe=Recipe(test_time_flips=True)).fit(X, y)
    assert_array_equal(grad_cam(clf, X), grad_cam(clf, X, target=clf.predict(X)))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"target": "green"}, r"target has labels .* \['green'\]\. .* \['blue', 'red'\]"),
        ({"target": [RED, 3, None]}, r"not in classes_: \[3, None\]\. Use labels of the target"),
        ({"target": [RED, BLUE]}, r"one for each of the 3 images in X, got .* shape \(2,\)\."),
        ({"target": [[RED]] * 3}, r"got an array of shape \(3, 1\)\."),
        ({"layer": "conv9"}, r"layer='conv9' is not one of \['conv1', 'conv2', 'features'\]\. Did"),
        ({"layer": "dense"}, r"layer='dense' has an output of shape \(16,\), .* \['conv1', 'conv2"),
        ({"layer": 1.5}, r"The 'layer' parameter of grad_cam must be an instance of 'str'"),
    ],
    ids=str,
)
def test_layers_and_labels_that_there_are_not(seer, squares, params, message):
    X = squares[0][:3]
    for show in (grad_cam, GradCAMDisplay.from_estimator):
        with pytest.raises(ValueError, match=message):
            show(seer, X, **params)


def test_images_of_another_number_or_shape(seer, squares):
    X, y = squares
    for show in (grad_cam, GradCAMDisplay.from_estimator):
        with pytest.raises(ValueError, match=r"Found array with 0 sample"):
            show(seer, X[:0])
        with pytest.raises(ValueError, match=r"fitted on images of shape \(16, 16, 3\)"):
            show(seer, X[:, :8])
    with pytest.raises(ValueError, match="X and y must have the same length, got 60 and 3 rows"):
        GradCAMDisplay.from_estimator(seer, X, y[:3])
    with pytest.raises(ValueError, match="n_images must be an integer of at least 1, got 0"):
        GradCAMDisplay.from_estimator(seer, X, n_images=0)


# -- The display -------------------------------------------------------------------------------


def test_the_first_images_with_their_maps(seer, squares):
    X, y = squares
    display = GradCAMDisplay.from_estimator(seer, X, n_images=7)
    assert display.axes_.shape == (2, 4)
    assert len(display.images_) == len(display.heatmaps_) == 7
    assert_array_equal(display.images, X[:7])
    assert_array_equal(display.heatmaps, grad_cam(seer, X[:7]))
    assert_array_equal(display.y_pred, y[:7])
    assert_allclose(display.confidence, seer.predict_proba(X[:7]).max(axis=1))
    assert (display.y_true, display.target) == (None, None)
    # Every colour in the picture is one of the map.
    assert_allclose(display.images_[0].get_array(), X[0] @ _LUMA)
    assert_array_equal(display.heatmaps_[0].get_array(), display.heatmaps[0])
    assert display.heatmaps_[0].get_clim() == (0, 1)
    assert 0.4 < display.heatmaps_[0].get_alpha() < 0.6
    assert all(len(texts(panel)) == 1 for panel in display.axes_.flat[:7])


def test_names_below_the_images():
    heat = np.zeros((3, 6, 9), "float32")
    display = GradCAMDisplay(
        images=heat * 255,
        heatmaps=heat,
        y_pred=np.array([0, 1, 1]),
        confidence=np.array([0.5, 0.9999, 1.0]),
        y_true=np.array([0, 0, 7]),
        target=np.array([0, 1, 0]),
        class_names=["cat", "dog"],
    ).plot(text_kw={"size": 5}, heatmap_kw={"cmap": "viridis"}, imshow_kw={"cmap": "bone"})
    panels = display.axes_.ravel().tolist()
    assert [texts(panel) for panel in panels] == [
        ["cat (50%)", "is cat"],
        ["dog (>99%)", "is cat"],
        ["dog (100%)", "is 7", "map of cat"],
    ]
    right, wrong, _ = (panel.texts[0].get_color() for panel in panels)
    assert right == "black" != wrong
    assert {text.get_size() for panel in panels for text in panel.texts} == {5}
    assert display.heatmaps_[0].get_cmap().name == "viridis"
    assert display.images_[0].get_cmap().name == "bone"


def test_labels_of_all_rows_are_cut_to_the_images_shown(seer, squares):
    X, y = squares
    other = np.where(y == RED, BLUE, RED)
    display = GradCAMDisplay.from_estimator(
        seer, X, y, target=other, layer="conv1", n_images=2, class_names={RED: "R"}
    )
    assert_array_equal(display.target, other[:2])
    assert_array_equal(display.heatmaps, grad_cam(seer, X[:2], layer="conv1", target=other[:2]))
    first, second = map(texts, display.axes_.flat)
    assert (first[1:], second[1:]) == (["is R", "map of blue"], ["is blue", "map of R"])
    one = GradCAMDisplay.from_estimator(seer, X[:1], target=RED)
    assert [len(texts(panel)) for panel in one.axes_.flat] == [1]


def test_labels_of_another_type_are_an_error(seer, squares):
    X, y = squares
    with pytest.raises(ValueError, match="y has labels of type int64, but those of fit"):
        GradCAMDisplay.from_estimator(seer, X, np.arange(len(y)))


def test_a_pipeline_or_search_shows_images_as_they_arrive(seer, squares):
    X, y = squares
    large = np.pad(X, ((0, 0), (4, 4), (0, 8), (0, 0)))
    pipe = make_pipeline(FunctionTransformer(lambda X: X[:, 4:-4, :-8]), seer)
    search = GridSearchCV(pipe, {})
    search.best_estimator_ = pipe
    for estimator in (pipe, search):
        display = GradCAMDisplay.from_estimator(estimator, large, y, n_images=3)
        assert_array_equal(display.images, X[:3])
        assert_array_equal(display.heatmaps, grad_cam(seer, X[:3]))
        assert_array_equal(grad_cam(estimator, large[:3]), display.heatmaps)


def test_without_images_the_panel_is_empty():
    nothing = np.zeros((0, 6, 9))
    display = GradCAMDisplay(
        images=nothing, heatmaps=nothing, y_pred=nothing, confidence=nothing
    ).plot()
    assert display.axes_.shape == (1, 1)
    assert not display.images_
