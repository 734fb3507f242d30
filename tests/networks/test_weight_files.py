"""Files of body weights, as Keras and this library write them; none of them runs code."""

import pickle
import zipfile
from functools import partial
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Backbone, BackboneFeatures, TransferClassifier
from skfashion._backbones.registry import get_backbone
from tests.residual import RESIDUAL

SHAPE = (32, 32, 3)

# Keras 3.15 saves with NumPy 2.4's deprecation warnings, and warns of its own `.h5` format.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras"),
]


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype="uint8")


@pytest.fixture(scope="module")
def mobilenet():
    """Keras' own MobileNetV2 with a top, its statistics of batches away from their start."""
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(
        weights=None, input_shape=SHAPE, classes=7, classifier_activation=None
    )
    scatter(model)
    return model


def scatter(model):
    """Move what layers start at a constant away from it, so that a mix-up shows.

    Small variances let what images differ in come through to the last layer.
    """
    rng = np.random.default_rng(1)
    for variable in model.weights:
        if "moving_variance" in variable.path:
            variable.assign(rng.uniform(0.01, 0.1, variable.shape))
        elif "kernel" not in variable.path:
            variable.assign(variable.numpy() + rng.uniform(0.0, 0.2, variable.shape))


@pytest.fixture(scope="module")
def without_top(mobilenet):
    return keras.Model(mobilenet.input, mobilenet.get_layer("out_relu").output)


def legacy_file(model, path):
    """Write the layout of the official `.h5` releases: what Keras 2 called save_weights."""
    whole = path.with_name("whole.h5")
    model.save(whole)
    with h5py.File(whole) as source, h5py.File(path, "w") as target:
        weights = source["model_weights"]
        for name in weights:
            source.copy(weights[name], target, name)
        for name, value in weights.attrs.items():
            target.attrs[name] = value
    return path


def around(body):
    return keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Rescaling(2.0), body, keras.layers.Dense(3)]
    )


def write(kind, mobilenet, without_top, folder):
    path = folder / {"keras3": "w.weights.h5"}.get(kind, f"{kind}.h5")
    if kind == "keras3":
        without_top.save_weights(path)
    elif kind == "keras3 with top":
        path = folder / "top.weights.h5"
        mobilenet.save_weights(path)
    elif kind == "official":
        legacy_file(without_top, path)
    elif kind == "official with top":
        legacy_file(mobilenet, path)
    elif kind == "whole model h5":
        mobilenet.save(path)
    elif kind == "h5 of a classifier around it":
        around(without_top).save(path)
    elif kind == "early keras3":
        path = folder / "early.weights.h5"
        without_top.save_weights(path)
        with h5py.File(path, "a") as file:
            file.move("layers", "_layer_checkpoint_dependencies")
    elif kind == "archive":
        path = folder / "m.keras"
        mobilenet.save(path)
    elif kind == "archive of a classifier around it":
        path = folder / "c.keras"
        around(without_top).save(path)
    else:
        path = folder / "w.safetensors"
        from safetensors.numpy import save_file

        save_file({v.path: v.numpy() for v in without_top.weights}, path)
    return path


KINDS = [
    "keras3",
    "keras3 with top",
    "official",
    "official with top",
    "whole model h5",
    "h5 of a classifier around it",
    "early keras3",
    "archive",
    "archive of a classifier around it",
    "safetensors",
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_keras_own_features(
    kind, mobilenet, without_top, photos, tmp_path
):
    path = write(kind, mobilenet, without_top, tmp_path)
    features = BackboneFeatures("mobilenet_v2", weights=path).fit_transform(photos)
    preprocessed = keras.applications.mobilenet_v2.preprocess_input(photos.astype("float32"))
    expected = without_top.predict(preprocessed, verbose=0).mean(axis=(1, 2))
    assert np.ptp(expected, axis=0).mean() > 0.3
    assert_allclose(features, expected, atol=0.01)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("suffix", [".weights.h5", ".safetensors"])
def test_what_is_saved_is_what_is_loaded(make, lt5, tmp_path, suffix, order, weights_of):
    source = make(epochs=1).fit(*lt5)
    arrays = source._fitted.weights
    arrays.update({name: np.array(array, order=order) for name, array in arrays.items()})
    path = tmp_path / f"body{suffix}"
    source.save_backbone_weights(path)
    source.save_backbone_weights(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    clf = make(weights=str(path), epochs=0).fit(*lt5)
    weights, expected = weights_of(clf), weights_of(source)
    for name in ("conv1/kernel", "conv2/kernel", "conv2/bias"):
        assert_array_equal(weights[name], expected[name])


def test_a_saved_model_of_ours_is_a_file_of_weights(make, lt5, tmp_path, weights_of):
    source = make(epochs=1).fit(*lt5)
    source.model_.save(tmp_path / "model.keras")
    clf = make(weights=tmp_path / "model.keras", epochs=0).fit(*lt5)
    assert_array_equal(weights_of(clf)["conv1/kernel"], weights_of(source)["conv1/kernel"])


@pytest.mark.parametrize("kind", ["keras3", "official", "archive", "safetensors"])
def test_a_misfit_names_the_first_layer(kind, mobilenet, without_top, lt5, tmp_path):
    path = write(kind, mobilenet, without_top, tmp_path)
    message = (
        r"weights='.*' does not fit the body of backbone 'vgg16' on images of shape "
        r"\(14, 14, 1\): layer 'block1_conv1' is the first that differs"
    )
    with pytest.raises(ValueError, match=message):
        BackboneFeatures("vgg16", weights=path).fit(lt5[0])


def test_a_misfit_names_both_shapes(make, lt5, body_path):
    grey = get_backbone("small_cnn")
    color = Backbone("color", grey.build, grey.stages, 8, channels=3, pooling="flatten")
    with pytest.raises(
        ValueError,
        match=r"layer 'conv1' .* kernel has the shape \(3, 3, 3, 32\), the file has one of shape "
        r"\(3, 3, 1, 32\)\. Give a file of this network alone, or set backbone to",
    ):
        make(backbone=color, weights=body_path).fit(*lt5)


def test_a_file_that_ends_early(make, lt5, body_path, tmp_path):
    short = tmp_path / "short.weights.h5"
    with h5py.File(body_path) as source, h5py.File(short, "w") as target:
        source.copy("layers/conv2d", target, "layers/conv2d")
    with pytest.raises(ValueError, match=r"layer 'conv2' is .*, the file has none\. Give"):
        make(weights=short).fit(*lt5)


@pytest.fixture(scope="module")
def plain():
    """Three convolutions of equal width, and one with a deeper namesake."""

    def build(images, depth, use_bias=True):
        from keras import layers

        x = images
        for n in range(depth):
            x = layers.Conv2D(4, 3, padding="same", use_bias=use_bias, name=f"c{n}")(x)
        return x

    def make(depth, **params):
        stages = [f"c{n}" for n in range(depth)]
        return Backbone(
            f"plain{depth}", partial(build, depth=depth, **params), stages, 8, channels=3
        )

    return make


def keras_model(backbone):
    images = keras.Input(SHAPE)
    return keras.Model(images, backbone.build(images))


def save_as(model, folder, kind):
    path = folder / {"keras3": "a.weights.h5", "safetensors": "a.safetensors"}.get(kind, "a.h5")
    if kind == "keras3":
        model.save_weights(path)
    elif kind == "official":
        legacy_file(model, path)
    else:
        from safetensors.numpy import save_file

        save_file({v.path: v.numpy() for v in model.weights}, path)
    return path


@pytest.mark.parametrize("kind", ["keras3", "official", "safetensors"])
def test_a_deeper_network_does_not_fit(plain, photos, tmp_path, kind):
    path = save_as(keras_model(plain(3)), tmp_path, kind)
    with pytest.raises(ValueError, match="further convolutions or attention after them"):
        BackboneFeatures(plain(2), weights=path).fit(photos)
    BackboneFeatures(plain(3), weights=path).fit(photos)


@pytest.mark.parametrize("kind", ["keras3", "official", "safetensors"])
def test_a_weight_too_many_in_a_layer(plain, photos, tmp_path, kind):
    path = save_as(keras_model(plain(2)), tmp_path, kind)
    with pytest.raises(ValueError, match=r"layer 'c0' is the first .* a further weight"):
        BackboneFeatures(plain(2, use_bias=False), weights=path).fit(photos)


def test_two_bodies_in_a_file(plain, photos, tmp_path):
    one, other = keras_model(plain(2)), keras_model(plain(2))
    images = keras.Input(SHAPE)
    both = keras.Model(images, keras.layers.Add()([one(images), other(images)]))
    both.save_weights(tmp_path / "both.weights.h5")
    with pytest.raises(ValueError, match="the file has such a body more than once"):
        BackboneFeatures(plain(2), weights=tmp_path / "both.weights.h5").fit(photos)


def test_layers_of_like_names_are_read(photos, tmp_path):
    """Only constants of normalisation are left out, not all that begins like them."""

    def build(images):
        from keras import layers

        return layers.Conv2D(4, 3, name="normal_conv_1")(images)

    backbone = Backbone("normal", build, ("normal_conv_1",), 8, channels=3)
    model = keras_model(backbone)
    path = legacy_file(model, tmp_path / "a.h5")
    features = BackboneFeatures(backbone, weights=path).fit_transform(photos)
    expected = model.predict(photos.astype("float32"), verbose=0).mean(axis=(1, 2))
    assert_allclose(features, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("how", ["external", "virtual", "link", "soft link"])
def test_other_files_are_not_read(make, lt5, body_path, tmp_path, how):
    """What a file only points to stays unread."""
    path, secret = tmp_path / "a.weights.h5", tmp_path / "secret.h5"
    place, shape = "layers/conv2d/vars/0", (3, 3, 1, 32)
    path.write_bytes(body_path.read_bytes())
    with h5py.File(secret, "w") as file:
        file["x"] = np.full(shape, 7, "float32")
    with h5py.File(path, "a") as file:
        del file[place]
        if how == "external":
            file.create_dataset(place, shape, "float32", external=[(secret, 0, h5py.h5f.UNLIMITED)])
        elif how == "virtual":
            layout = h5py.VirtualLayout(shape, "float32")
            layout[...] = h5py.VirtualSource(secret, "x", shape=shape)
            file.create_virtual_dataset(place, layout)
        elif how == "link":
            file[place] = h5py.ExternalLink(secret, "x")
        else:
            file[place] = h5py.SoftLink("/layers/conv2d_1/vars/0")
    with pytest.raises(ValueError, match=f"{place} is not in the file itself"):
        make(weights=path).fit(*lt5)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5", "a.keras", "a.safetensors", "a.npz"])
@pytest.mark.parametrize("content", [b"", b"no weights at all" * 9])
def test_a_file_of_something_else(make, lt5, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"weights='.*{name}' cannot be read"):
        make(weights=path).fit(*lt5)


def test_a_zip_without_weights(make, lt5, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match=r"cannot be read: .*model.weights.h5"):
        make(weights=tmp_path / "a.keras").fit(*lt5)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5", ".keras", ".safetensors"])
def test_a_pickle_is_not_run(make, lt5, tmp_path, suffix):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    path = tmp_path / f"a{suffix}"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="cannot be read"):
        make(weights=path).fit(*lt5)
    assert not (tmp_path / "sprung").exists()


def test_the_code_in_an_archive_is_not_run(make, lt5, tmp_path, weights_of):
    sprung = tmp_path / "sprung"
    source = make(epochs=1).fit(*lt5)
    images = keras.Input((14, 14, 1))
    trap = keras.layers.Lambda(lambda x, path=str(sprung): __import__("os").mkdir(path) or x)
    model = keras.Model(images, source.model_(trap(images)))
    model.save(tmp_path / "trap.keras")
    if sprung.exists():
        sprung.rmdir()
    clf = make(weights=tmp_path / "trap.keras", epochs=0).fit(*lt5)
    assert_array_equal(weights_of(clf)["conv1/kernel"], weights_of(source)["conv1/kernel"])
    assert not sprung.exists()


def test_no_such_file(make, lt5, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        make(weights=tmp_path / "none.weights.h5").fit(*lt5)


def test_path_to_save_to(fitted, tmp_path):
    with pytest.raises(ValueError, match=r"must end in '\.weights\.h5' or '\.safetensors'"):
        fitted.save_backbone_weights(tmp_path / "body.h5")
    with pytest.raises(
        FileNotFoundError, match=r"body\.weights\.h5': there is no folder '.*none'\. Make"
    ):
        fitted.save_backbone_weights(tmp_path / "none" / "body.weights.h5")


@pytest.mark.parametrize("suffix", [".weights.h5", ".safetensors"])
def test_a_link_to_save_to_is_followed(fitted, tmp_path, suffix):
    target, link = tmp_path / "target", tmp_path / f"link{suffix}"
    target.write_text("old")
    link.symlink_to(target)
    fitted.save_backbone_weights(link)
    assert link.is_symlink()
    assert target.read_bytes() != b"old"


def test_a_link_into_a_missing_folder_makes_no_folder(fitted, tmp_path):
    link = tmp_path / "link.safetensors"
    link.symlink_to(tmp_path / "none" / "body.safetensors")
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*none'\. Make it first"):
        fitted.save_backbone_weights(link)
    assert [*tmp_path.iterdir()] == [link]


def test_home_is_a_folder_to_save_to(fitted, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    fitted.save_backbone_weights("~/body.weights.h5")
    assert (tmp_path / "body.weights.h5").is_file()


@pytest.mark.parametrize(
    ("backbone", "statistics"),
    [
        (RESIDUAL, "norm/moving_mean"),
        pytest.param("mobilenet_v2", "bn_Conv1/moving_mean", marks=pytest.mark.slow),
    ],
    ids=["residual", "mobilenet_v2"],
)
def test_one_domain_then_another(lt5, tmp_path, weights_of, backbone, statistics):
    """Two estimators and a path, with batch statistics in between."""
    X, y = lt5
    quick = {"backbone": backbone, "epochs": 1, "random_state": 0}
    source = TransferClassifier(**quick).fit(X[:40], y[:40])
    source.save_backbone_weights(tmp_path / "body.weights.h5")
    target = TransferClassifier(
        weights=tmp_path / "body.weights.h5", freeze_until="features", **quick
    ).fit(X[40:], y[40:])
    expected = weights_of(source)[statistics]
    assert_array_equal(weights_of(target)[statistics], expected)
    assert expected.any()
