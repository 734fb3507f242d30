"""X of files and of images of any size, in both estimators."""

import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skfashion import BackboneFeatures, TransferClassifier
from skfashion._data import chunks, decoded_rows
from skfashion._data.buffers import file_buffer
from skfashion._data.image_input import read_images
from skfashion.datasets import load_fashion_sample
from skfashion.model_selection import ClassSplitCV, target_scorer

N = 60
FASHION, LABELS = (part[:N] for part in load_fashion_sample(return_X_y=True))
COLOUR = np.repeat(FASHION[..., None], 3, axis=-1)
COLOUR_16 = np.stack(
    [
        np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR))
        for image in COLOUR
    ]
)
SMALL = {"epochs": 1, "random_state": 0, "batch_size": 16}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fashion")
    paths = [str(folder / f"{number:03}.png") for number in range(N)]
    for path, image in zip(paths, FASHION, strict=True):
        Image.fromarray(image).save(path)
    return paths


@pytest.fixture(scope="module")
def on_files(paths):
    return TransferClassifier(input_size=28, **SMALL).fit(paths, LABELS)


@pytest.fixture(scope="module")
def on_arrays():
    return TransferClassifier(**SMALL).fit(COLOUR, LABELS)


def images(_=None):
    return [Image.fromarray(image) for image in FASHION]


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda paths: np.array(paths, object),
    "series": pd.Series,
    "frame": lambda paths: pd.DataFrame({"path": paths}),
    "pathlib": lambda paths: [*map(Path, paths[:1]), *paths[1:]],
    "pillow": images,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_files_arrays_and_pillow_images_give_the_same_bits(on_arrays, on_files, paths, container):
    X = CONTAINERS[container](paths)
    expected = on_arrays.predict_proba(COLOUR)
    assert np.array_equal(on_files.predict_proba(X), expected)
    assert np.array_equal(on_arrays.predict_proba(X), expected)
    assert np.array_equal(on_files.predict_proba(COLOUR), expected)


def test_fitted_attributes(on_files):
    assert on_files.image_shape_ == (28, 28, 3)
    assert on_files.n_features_in_ == 28 * 28 * 3
    assert on_files.pixel_range_ == (0, 255)
    frame = pd.DataFrame({"path": ["no.png"]})
    assert not hasattr(on_files, "feature_names_in_")
    with pytest.raises(FileNotFoundError):
        on_files.predict(frame)


@pytest.mark.parametrize(("backbone", "side"), [("small_cnn", 64), ("vgg16", 224)])
def test_the_size_of_files_is_the_default_of_the_backbone(paths, backbone, side):
    features = BackboneFeatures(backbone, layer=1, random_state=0).fit(paths[:2])
    assert features.image_shape_ == (side, side, 3)


def test_image_shape_is_the_shape_of_files(paths):
    features = BackboneFeatures(image_shape=(28, 28), random_state=0)
    grey = features.fit(paths).transform(paths)
    assert features.image_shape_ == (28, 28, 1)
    assert np.array_equal(grey, clone(features).fit(FASHION).transform(FASHION))
    with pytest.raises(ValueError, match=r"image_shape=\(28, 28, 4\) has 4\. Pass arrays"):
        BackboneFeatures(image_shape=(28, 28, 4)).fit(paths)


def test_images_of_different_sizes_are_resized(on_files):
    large = [np.asarray(image.resize((56, 70))) for image in images()[:5]]
    as_files = on_files.predict_proba([Image.fromarray(image) for image in large])
    assert np.array_equal(on_files.predict_proba(large), as_files)
    assert np.array_equal(on_files.predict_proba(large[:1]), as_files[:1])
    mixed = [*large, *FASHION[5:]]
    features = BackboneFeatures(input_size=20, random_state=0).fit(mixed)
    assert features.image_shape_ == (20, 20, 3)
    with pytest.raises(ValueError, match="Resize or crop"):
        on_files.predict(np.stack(large))


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
def test_resize_is_a_parameter(tmp_path, resize):
    wide = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (16, 1)))
    wide.save(tmp_path / "wide.png")
    features = BackboneFeatures(
        image_shape=(16, 16), resize=resize, layer=1, pooling="flatten", random_state=0
    ).fit([tmp_path / "wide.png"])
    resized = {
        "crop": np.asarray(wide)[:, 24:40],
        "pad": np.pad(
            np.asarray(wide.resize((16, 4), Image.Resampling.BILINEAR)), ((6, 6), (0, 0))
        ),
        "stretch": np.asarray(wide.resize((16, 16), Image.Resampling.BILINEAR)),
    }
    assert np.array_equal(
        features.transform([tmp_path / "wide.png"]), features.transform(resized[resize][None])
    )
    with pytest.raises(ValueError, match="'resize' parameter"):
        BackboneFeatures(resize="fit").fit([tmp_path / "wide.png"])


def test_pillow_images_of_one_size_are_not_resized():
    features = BackboneFeatures(layer=1, random_state=0).fit(images())
    assert features.image_shape_ == (28, 28, 1)
    assert np.array_equal(features.transform(images()), features.transform(FASHION))
    mixed = [
        image.convert(mode) for image, mode in zip(images(), ["L", "RGB", "P"] * 20, strict=True)
    ]
    features.fit(mixed)
    assert features.image_shape_ == (28, 28, 3)
    assert np.array_equal(features.transform(mixed), features.transform(COLOUR))


@pytest.mark.parametrize("as_image", [Image.fromarray, np.asarray], ids=["pillow", "array"])
def test_images_of_one_size_and_several_modes_are_not_resized(as_image):
    mixed = [as_image(FASHION[0]), *map(as_image, COLOUR[1:4])]
    features = BackboneFeatures(layer=1, random_state=0).fit(mixed)
    assert features.image_shape_ == (28, 28, 3)
    assert np.array_equal(features.transform(mixed), features.transform(COLOUR[:4]))
    grey = [FASHION[0], FASHION[1, ..., None]]
    assert features.fit(grey).image_shape_ == (28, 28, 1)
    assert np.array_equal(features.transform(grey), features.transform(FASHION[:2]))


def test_one_image_of_another_size_does_not_decide_the_shape_of_photographs():
    wide = [Image.fromarray(image).resize((80, 40)) for image in FASHION[:4]]
    features = BackboneFeatures(layer=1, random_state=0)
    for X in (wide, [*wide, wide[0].rotate(90, expand=True)]):
        assert features.fit(X).image_shape_ == (64, 64, 3)
    assert features.fit([image.resize((64, 40)) for image in wide]).image_shape_ == (40, 64, 1)


def test_input_size_is_the_side_of_pillow_images_of_one_size_as_of_files(paths):
    features = BackboneFeatures(layer=1, input_size=20, random_state=0)
    of_files = features.fit(paths[:4]).transform(paths[:4])
    assert features.fit(images()[:4]).image_shape_ == (20, 20, 3)
    assert np.array_equal(features.transform(images()[:4]), of_files)


def test_arrays_of_one_size_get_the_given_shape_as_others_do():
    arrays = [np.asarray(image.resize((40, 30))) for image in images()[:5]]
    features = BackboneFeatures(image_shape=(16, 16), layer=1, random_state=0).fit(arrays)
    assert features.image_shape_ == (16, 16, 1)
    others = [*arrays, FASHION[0]]
    assert np.array_equal(features.transform(others)[:5], features.transform(arrays))
    # An array is not resized.
    with pytest.raises(ValueError, match="is not the shape of the images in X"):
        features.fit(np.stack(arrays))


def test_padding_is_black_in_dark_ink_too(tmp_path):
    page = np.full((4, 16), 255, np.uint8)
    Image.fromarray(page).save(tmp_path / "page.png")
    Image.fromarray(255 - page).save(tmp_path / "night.png")
    params = {"image_shape": (16, 16), "resize": "pad", "layer": 1, "pooling": "flatten"}
    ink = BackboneFeatures(pixel_range=(255, 0), random_state=0, **params)
    plain = BackboneFeatures(random_state=0, **params)
    page_only = ink.fit_transform([tmp_path / "page.png"])
    assert np.array_equal(page_only, plain.fit_transform([tmp_path / "night.png"]))
    assert np.array_equal(page_only, ink.transform([tmp_path / "page.png"]))


# -- Pixel range -------------------------------------------------------------------------------


def test_pillow_images_have_one_range_in_fit_and_predict():
    dark = [Image.fromarray(image // 16) for image in FASHION]
    with pytest.raises(ValueError, match=r"pixel_range=\(0.0, 16.0\), but images that are decoded"):
        TransferClassifier(pixel_range=(0, 16), **SMALL).fit(dark, LABELS)
    features = BackboneFeatures(layer=1, random_state=0).fit(dark)
    assert np.array_equal(features.transform(dark), features.transform(FASHION // 16))


def test_files_are_0_to_255_whatever_arrays_fit_had(paths):
    floats = TransferClassifier(dtype="float64", **SMALL).fit(COLOUR / 255, LABELS)
    assert floats.pixel_range_ == (0, 1)
    assert np.allclose(floats.predict_proba(paths), floats.predict_proba(COLOUR / 255))


def test_dark_ink_on_white(paths):
    clf = TransferClassifier(pixel_range=(255, 0), input_size=28, **SMALL).fit(paths, LABELS)
    inverted = TransferClassifier(pixel_range=(1, 0), **SMALL).fit(COLOUR / 255, LABELS)
    assert clf.pixel_range_ == (255, 0)
    assert np.allclose(clf.predict_proba(paths), inverted.predict_proba(paths), atol=1e-5)
    with pytest.raises(ValueError, match=r"pixel_range=\(0.0, 1.0\), but images that are decoded"):
        TransferClassifier(pixel_range=(0, 1)).fit(paths, LABELS)


# -- scikit-learn --------------------------------------------------------------------------------


def test_searches_and_class_splits_cut_paths(paths):
    clf = TransferClassifier(input_size=16, **SMALL)
    weight = np.ones(N)
    assert len(cross_val_score(clf, paths, LABELS, cv=2, params={"sample_weight": weight})) == 2
    search = GridSearchCV(
        clf.set_params(pretrain_classes=[5, 6, 7, 8, 9], pretrain_epochs=1),
        {"freeze_until": [0, "conv1"]},
        cv=ClassSplitCV(2, pretrain_classes=[5, 6, 7, 8, 9]),
        scoring=target_scorer("accuracy"),
        error_score="raise",
    )
    search.fit(np.array(paths), LABELS)
    assert search.score(paths, LABELS) == search.score(COLOUR_16, LABELS)


def test_pipelines_and_columns(paths):
    features = BackboneFeatures(input_size=16, random_state=0)
    frame = pd.DataFrame({"path": paths, "weight": np.linspace(0, 1, N)})
    columns = make_column_transformer((features, "path"), ("passthrough", ["weight"]))
    probe = make_pipeline(columns, LogisticRegression(max_iter=200))
    assert len(probe.fit(frame, LABELS).predict(frame)) == N
    expected = np.column_stack([features.fit_transform(paths), frame["weight"]])
    assert np.allclose(columns.fit_transform(frame), expected)
    listed = make_column_transformer((features, ["path"]), ("passthrough", ["weight"]))
    assert np.array_equal(listed.fit_transform(frame), columns.fit_transform(frame))


def test_further_fits(paths):
    clf = TransferClassifier(input_size=16, warm_start=True, **SMALL).fit(paths, LABELS)
    assert clf.fit(paths, LABELS).n_iter_ == 2
    batches = TransferClassifier(input_size=16, **SMALL)
    for part in (slice(0, 30), slice(30, N)):
        batches.partial_fit(paths[part], LABELS[part], classes=range(10))
    assert batches.n_iter_ == 2
    weight = np.ones(N)
    assert batches.score(paths, LABELS, weight) == batches.score(COLOUR_16, LABELS, weight)


def test_files_after_arrays_in_partial_fit(paths):
    clf = TransferClassifier(**SMALL)
    clf.partial_fit(COLOUR / 255, LABELS, classes=range(10)).partial_fit(paths, LABELS)
    again = TransferClassifier(**SMALL)
    again.partial_fit(COLOUR / 255, LABELS, classes=range(10)).partial_fit(COLOUR / 255, LABELS)
    assert np.allclose(clf.predict_proba(paths), again.predict_proba(paths), atol=1e-5)


def test_a_fit_takes_validation_files(paths):
    clf = TransferClassifier(input_size=16, **SMALL)
    clf.fit(paths[:40], LABELS[:40], X_val=paths[40:], y_val=LABELS[40:])
    assert len(clf.history_["val_loss"]) == 1


def test_only_images_of_the_tasks_need_space(paths, monkeypatch):
    is_used = LABELS < 4
    files = []
    monkeypatch.setattr(chunks, "MOST_DECODED_BYTES", int(is_used.sum()) * 16 * 16 * 3)
    monkeypatch.setattr(
        decoded_rows, "file_buffer", lambda *spec: files.append(spec) or file_buffer(*spec)
    )
    clf = TransferClassifier(input_size=16, **SMALL)
    of_classes = clone(clf).set_params(target_classes=[0, 1, 2, 3]).fit(paths, LABELS)
    of_weights = clone(clf).fit(paths, LABELS, sample_weight=is_used)
    X, y = np.array(paths)[is_used], LABELS[is_used]
    clone(clf).fit(X, y, X_val=paths, y_val=LABELS % 4, sample_weight_val=is_used)
    assert not files
    clone(clf).fit(paths, LABELS)
    assert files  # all images need more space
    monkeypatch.undo()
    clf.fit(X, y)
    for other in (of_classes, of_weights):
        assert np.array_equal(other.predict_proba(paths), clf.predict_proba(paths))


def test_relative_paths_and_copies(on_files, paths, monkeypatch):
    folder = os.path.dirname(paths[0])  # noqa: PTH120
    monkeypatch.chdir(folder)
    names = [os.path.basename(path) for path in paths]  # noqa: PTH119
    expected = on_files.predict_proba(paths)
    assert np.array_equal(on_files.predict_proba(names), expected)
    clf = TransferClassifier(input_size=28, **SMALL).fit(names, LABELS)
    monkeypatch.chdir("/")
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(paths), expected)
    with pytest.raises(FileNotFoundError, match=r"000\.png': No such file"):
        clf.predict(names)


def test_the_folder_may_change_after_paths_are_read(paths, monkeypatch):
    monkeypatch.chdir(Path(paths[0]).parent)
    rows = read_images(TransferClassifier(image_shape=(28, 28)), [Path(paths[0]).name])
    monkeypatch.chdir("/")
    assert np.array_equal(rows[:], FASHION[:1].reshape(1, -1))


def test_lengths_and_labels_are_checked(paths):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TransferClassifier().fit(paths, LABELS[:-1])
    with pytest.raises(ValueError, match=r"sample_weight\.shape == \(59,\)"):
        TransferClassifier().fit(paths, LABELS, sample_weight=np.ones(N - 1))
    with pytest.raises(ValueError, match="requires y to be passed"):
        TransferClassifier().fit(paths, None)
