"""`export_onnx`: what ONNX Runtime computes is what the classifier predicts."""

import json
import sys

import numpy as np
import onnxruntime
import pytest
from numpy.testing import assert_allclose
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

import skfashion
from skfashion import Backbone, Recipe, TransferClassifier, export_onnx, list_backbones
from skfashion._backbones.registry import get_backbone
from tests.residual import RESIDUAL
from tests.weight_files import WEIGHT_FILES, require_weights

RNG = np.random.default_rng(0)
LABELS = ["left", "right"] * 6
GREY = RNG.integers(0, 256, (12, 10, 9), dtype="uint8")
COLOUR = RNG.integers(0, 256, (12, 12, 10, 3), dtype="uint8")


def tiny(images):
    """A body that is quick to build, on three channels, as the pretrained ones are."""
    from keras import layers

    return layers.Conv2D(4, 3, strides=2, activation="relu", name="conv")(images / 255)


def grouped(images):
    """A body with the kinds of layers that the conversion cannot take as they are."""
    from keras import layers

    x = layers.Normalization(mean=100.0, variance=400.0)(images)
    x = layers.Conv2D(12, 3, groups=3, name="one_channel")(x)
    x = layers.Activation("gelu")(x)
    return layers.Conv2D(8, 3, groups=4, strides=2, padding="same", name="three_channels")(x)


GROUPED = Backbone(
    "grouped", build=grouped, stages=("one_channel", "three_channels"), min_size=8, channels=3
)
TINY = Backbone("tiny", build=tiny, stages=("conv",), min_size=8, channels=3)


def quick(backbone=TINY, **params):
    return TransferClassifier(
        backbone, **{"epochs": 0, "batch_size": 12, "hidden_units": 8, "random_state": 0, **params}
    )


def export(clf, folder, **options):
    """Export a classifier; return a session of ONNX Runtime."""
    path = folder / "model.onnx"
    export_onnx(clf, path, **options)
    assert [*folder.iterdir()] == [path]
    return onnxruntime.InferenceSession(path)


def run(session, images):
    (probabilities,) = session.run(["probabilities"], {"images": images})
    return probabilities


def input_of(session):
    (images,) = session.get_inputs()
    return images.shape, images.type


def test_the_class_split_of_the_small_network(fitted, fashion, tmp_path, capfd):
    X = fashion[0][::3]
    session = export(fitted, tmp_path)
    assert input_of(session) == (["n", 14, 14], "tensor(uint8)")
    (output,) = session.get_outputs()
    assert (output.name, output.shape, output.type) == ("probabilities", ["n", 5], "tensor(float)")
    expected = fitted.predict_proba(X)
    assert np.ptp(expected) > 0.1
    for n_images in (1, 3, len(X)):
        assert_allclose(run(session, X[:n_images]), expected[:n_images], atol=1e-5)
    assert "".join(capfd.readouterr()) == ""


def test_metadata_are_json(tmp_path):
    session = export(quick(pixel_range=(255, 0)).fit(COLOUR, LABELS), tmp_path)
    found = session.get_modelmeta().custom_metadata_map
    assert {name: json.loads(value) for name, value in found.items()} == {
        "labels": ["left", "right"],
        "image_shape": [12, 10, 3],
        "pixel_range": [255, 0],
        "skfashion_version": skfashion.__version__,
    }
    # Dark ink on white.
    assert input_of(session) == (["n", 12, 10, 3], "tensor(uint8)")


@pytest.mark.parametrize(
    ("params", "X", "shape"),
    [
        ({"input_size": np.int64(9)}, [*GREY[:6], *COLOUR[6:]], [9, 9, 3]),
        ({"image_shape": (np.int64(10), np.int32(9))}, GREY.reshape(12, -1), [10, 9, 1]),
    ],
    ids=["input_size", "image_shape"],
)
def test_sizes_of_numpy_are_numbers_in_metadata(params, X, shape, tmp_path):
    found = export(quick(**params).fit(X, LABELS), tmp_path).get_modelmeta().custom_metadata_map
    assert json.loads(found["image_shape"]) == shape


@pytest.mark.parametrize("unit", ["D", "ns"])
def test_dates_are_text_in_metadata(unit, tmp_path):
    dates = np.array(["2026-01-01", "2026-01-02"], f"datetime64[{unit}]")
    labels = dates[np.unique(LABELS, return_inverse=True)[1]]
    found = export(quick().fit(GREY, labels), tmp_path).get_modelmeta().custom_metadata_map
    assert json.loads(found["labels"]) == dates.astype(str).tolist()


FLAT = COLOUR.reshape(12, -1)[:, :243]
FLOATS = COLOUR / 255
KINDS = {
    "colour that is made smaller": (TINY, {"input_size": 8}, COLOUR, "uint8"),
    "floats from 0 to 1": (GROUPED, {}, FLOATS, "float"),
    "batch normalisation": (RESIDUAL, {"epochs": 1}, GREY, "uint8"),
    "grey that is enlarged": (TINY, {"input_size": 13}, GREY, "uint8"),
    "inverted": (TINY, {"pixel_range": (255, 0)}, COLOUR, "uint8"),
    "a range far from 0": (TINY, {}, 1000 + FLOATS, "float"),
    "float64": (TINY, {"dtype": "float64"}, FLOATS, "float"),
    "rows that are padded": (TINY, {}, RNG.integers(0, 256, (12, 70)), "uint8"),
}


@pytest.mark.filterwarnings("ignore:Rows of 70 values make no square")
@pytest.mark.parametrize(
    "kind",
    [
        *list(KINDS)[:2],
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in list(KINDS)[2:]),
    ],
)
def test_images_of_any_kind(kind, tmp_path):
    backbone, params, X, dtype = KINDS[kind]
    clf = quick(backbone, **params).fit(X, LABELS)
    session = export(clf, tmp_path)
    assert input_of(session) == (["n", *X.shape[1:]], f"tensor({dtype})")
    expected = clf.predict_proba(X)
    assert np.ptp(expected[:, 0]) > 1e-3
    assert_allclose(run(session, X.astype(dtype.replace("float", "float32"))), expected, atol=1e-5)


@pytest.mark.slow
def test_bfloat16_differs_by_rounding(tmp_path):
    clf = quick(dtype="mixed_bfloat16").fit(COLOUR, LABELS)
    assert_allclose(run(export(clf, tmp_path), COLOUR), clf.predict_proba(COLOUR), atol=0.02)


def test_uint8_is_0_to_255_whatever_the_range_of_fit(tmp_path):
    clf = quick().fit(FLOATS, LABELS)
    raw = run(export(clf, tmp_path, input_dtype="uint8"), COLOUR)
    assert_allclose(raw, clf.predict_proba(FLOATS), atol=1e-5)


@pytest.mark.slow
def test_floats_of_0_to_255(tmp_path):
    clf = quick().fit(COLOUR, LABELS)
    floats = run(export(clf, tmp_path, input_dtype="float32"), COLOUR.astype("float32") / 2)
    assert_allclose(floats, clf.predict_proba(COLOUR / 2), atol=1e-5)


def test_flips_are_asked_for(tmp_path):
    single = quick().fit(COLOUR, LABELS)
    both = quick(recipe=Recipe(test_time_flips=True)).fit(COLOUR, LABELS)
    expected = both.predict_proba(COLOUR)
    assert np.abs(expected - single.predict_proba(COLOUR)).max() > 1e-3
    assert_allclose(run(export(both, tmp_path, test_time_flips=True), COLOUR), expected, atol=1e-5)
    assert_allclose(run(export(both, tmp_path), COLOUR), single.predict_proba(COLOUR), atol=1e-5)


@pytest.mark.slow
def test_the_classifier_of_a_search_over_a_pipeline(tmp_path):
    search = GridSearchCV(make_pipeline(quick()), {"transferclassifier__epochs": [0]}, cv=2)
    search.fit(COLOUR, LABELS)
    session = export(search, tmp_path)
    assert_allclose(run(session, COLOUR), search.predict_proba(COLOUR), atol=1e-5)


@pytest.mark.parametrize("best", ["changes images", "passes them on"])
def test_the_steps_of_a_search_are_those_of_its_best_estimator(best, tmp_path):
    steps = [FunctionTransformer(lambda X: 255 - X), "passthrough"]
    step, other = steps if best == "changes images" else steps[::-1]
    search = GridSearchCV(Pipeline([("prep", other), ("clf", quick())]), {"prep": [step]}, cv=2)
    search.fit(COLOUR, LABELS)
    if best == "changes images":
        with pytest.raises(ValueError, match="estimator has steps that change images"):
            export_onnx(search, tmp_path / "model.onnx")
        return
    session = export(search, tmp_path)
    assert_allclose(run(session, COLOUR), search.predict_proba(COLOUR), atol=1e-5)


def constant_tensor(images):
    import keras

    class Shift(keras.layers.Layer):
        def build(self, shape):
            self.shift = keras.ops.ones(shape[-1])

        def call(self, inputs):
            return inputs - self.shift

    x = Shift(name="shift")(images)
    return keras.layers.Conv2D(4, 3, name="conv")(x)


def not_in_onnx(images):
    from keras import layers

    x = layers.Resizing(8, 8, antialias=True, name="smaller")(images)
    return layers.Conv2D(4, 3, name="conv")(x)


def test_what_cannot_be_exported_is_an_error_and_leaves_the_old_file(tmp_path, fitted, capfd):
    path = tmp_path / "model.onnx"
    path.write_text("old")
    backbone = Backbone("foreign", build=not_in_onnx, stages=("conv",), min_size=8)
    clf = quick(backbone).fit(GREY, LABELS)
    with pytest.raises(ValueError, match=r"Backbone 'foreign' cannot be .*ScaleAndTranslate"):
        export_onnx(clf, path)
    clf = quick(Backbone("shifted", build=constant_tensor, stages=("conv",), min_size=8))
    with pytest.raises(ValueError, match=r"Backbone 'shifted' cannot be .* hold tensors as const"):
        export_onnx(clf.fit(GREY, LABELS), path)
    assert "".join(capfd.readouterr()) == ""
    pipeline = make_pipeline(MinMaxScaler(), quick()).fit(FLAT, LABELS)
    calibrated = CalibratedClassifierCV(FrozenEstimator(quick().fit(GREY, LABELS)))
    calibrated.fit(GREY, LABELS)
    for estimator, kind, message in [
        (pipeline, ValueError, "estimator has steps that change images"),
        (MinMaxScaler(), TypeError, "must be a fitted TransferClassifier"),
        (calibrated, TypeError, "must be a fitted TransferClassifier, alone or at the end of"),
        (quick(), NotFittedError, "not fitted"),
    ]:
        with pytest.raises(kind, match=message):
            export_onnx(estimator, path)
    with pytest.raises(ValueError, match=r"path='.*model\.pb' must end in '\.onnx'"):
        export_onnx(fitted, tmp_path / "model.pb")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .* Make it first"):
        export_onnx(fitted, tmp_path / "nowhere" / "model.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.onnx' is a folder\. Name a file in it"):
        export_onnx(fitted, tmp_path / "folder.onnx")
    (tmp_path / "folder.onnx").rmdir()
    with pytest.raises(ValueError, match="The 'input_dtype' parameter of export_onnx must"):
        export_onnx(fitted, path, input_dtype="float64")
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_a_network_too_large_for_a_file(fitted, monkeypatch, tmp_path):
    monkeypatch.setattr("skfashion._networks.onnx_model._BYTES_OF_LARGEST_FILE", 2**16)
    with pytest.raises(
        ValueError, match=r"has 4\d\d,\d+ bytes of weights, .* 65,536\. Set input_size"
    ):
        export_onnx(fitted, tmp_path / "model.onnx")


@pytest.mark.parametrize("package", ["onnx", "tf2onnx"])
def test_without_its_packages(fitted, package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ModuleNotFoundError, match=r'onnx and tf2onnx, .*`pip install "skfashion\[o'
    ):
        export_onnx(fitted, tmp_path / "model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", list_backbones())
def test_every_backbone(name, tmp_path):
    """With real weights, where there are files of them, on images of a size that is changed."""
    backbone = get_backbone(name)
    weights = require_weights(name) if name in WEIGHT_FILES else None
    side = backbone.min_size
    shape = (side + 12, side + 7, *([3] if backbone.channels else []))
    X = RNG.integers(0, 256, (12, *shape), dtype="uint8")
    # Averages of batch statistics must move far from where they start: all images look alike to
    # a random network with those.
    params = {"epochs": 1} if weights else {"epochs": 15, "batch_size": 4}
    clf = quick(name, weights=weights, input_size=side + 3, head_init="random", **params)
    clf.fit(X, LABELS)
    expected = clf.predict_proba(X)
    assert np.ptp(expected[:, 0]) > 1e-3
    assert_allclose(run(export(clf, tmp_path), X), expected, atol=1e-5)


def test_a_link_is_followed_and_the_mode_of_its_file_stays(tmp_path):
    path, link = tmp_path / "first.onnx", tmp_path / "latest.onnx"
    path.touch()
    path.chmod(0o600)
    mode = path.stat().st_mode
    link.symlink_to(path)
    export_onnx(quick().fit(GREY, LABELS), link)
    assert link.is_symlink()
    assert path.stat().st_size > 0
    assert path.stat().st_mode == mode


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, limit_files):
    """The conversion succeeds, and the file that is complete does not fit."""
    import onnx

    path = tmp_path / "model.onnx"
    path.write_text("old")
    set_properties = onnx.helper.set_model_props

    def set_properties_and_limit(*args):
        set_properties(*args)
        limit_files(1000)

    monkeypatch.setattr(onnx.helper, "set_model_props", set_properties_and_limit)
    message = r"model\.onnx' could not be written: File too large\. The file takes [\d,]+ bytes"
    with pytest.raises(OSError, match=message):
        export_onnx(quick().fit(GREY, LABELS), path)
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]
