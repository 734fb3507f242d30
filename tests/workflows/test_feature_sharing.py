"""BackboneFeatures with `memory`: one pass for all layers, and the bits of no memory at all."""

import pickle
from functools import partial

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skfashion import Backbone, BackboneFeatures, list_backbones, load, memory_report, save
from skfashion._backbones.registry import get_backbone
from skfashion._cache.image_hashes import hash_images
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import Store, remove_unit
from skfashion._networks.body import Output, get_body
from skfashion._networks.output_tables import OutputTables
from skfashion.datasets import load_fashion_sample
from tests.residual import RESIDUAL


def counts(folder):
    """Return how many rows were found, and how many were computed."""
    report = memory_report(folder)
    return report["rows_found"], report["rows_computed"]


def with_vector(images):
    """The second stage is cut after its activation and pooling; the last one is a vector."""
    from keras import layers

    x = layers.Conv2D(16, 3, activation="relu", name="entry")(images)
    x = layers.Conv2D(16, 3, activation="relu", name="first")(x)
    x = layers.Conv2D(16, 3, name="second")(x)
    x = layers.MaxPooling2D(2, name="pooled")(layers.ReLU(name="active")(x))
    x = layers.Conv2D(24, 3, activation="relu", name="third")(x)
    return layers.Dense(8, name="last")(layers.GlobalAveragePooling2D(name="mean")(x))


WITH_VECTOR = Backbone(
    "with_vector", build=with_vector, stages=("first", "second", "third", "last"), min_size=14
)


def features(X, memory=None, backbone=WITH_VECTOR, **params):
    return BackboneFeatures(backbone, random_state=0, memory=memory, **params).fit_transform(X)


def test_a_grid_computes_each_image_once(lt5, tmp_path):
    X, y = lt5
    backbones = ["small_cnn", WITH_VECTOR]
    grid = {
        "backbonefeatures__backbone": backbones,
        "backbonefeatures__layer": [1, ["features", 1], "features"],
        "backbonefeatures__pooling": ["average", "max"],
    }

    def search(memory):
        pipeline = make_pipeline(
            BackboneFeatures(random_state=0), KNeighborsClassifier()
        ).set_params(backbonefeatures__memory=memory)
        return GridSearchCV(pipeline, grid, cv=2, refit=False, error_score="raise").fit(X, y)

    scores = search(tmp_path).cv_results_["mean_test_score"]
    computed = counts(tmp_path)[1]
    assert computed == len(X) * len(backbones)
    # There is a file for the training rows of the first fold, and one for its other rows.
    assert len([*tmp_path.rglob("*.features")]) == 2 * len(backbones)
    assert_array_equal(search(None).cv_results_["mean_test_score"], scores)


@pytest.mark.parametrize(
    "backbone", ["small_cnn", RESIDUAL, WITH_VECTOR], ids=["small_cnn", "residual", "vector"]
)
def test_found_or_computed_has_the_same_bits(fashion, tmp_path, backbone):
    X = fashion[0][:40]
    for pooling in ("max", "average", "flatten"):
        for layer in (1, [1, "features"], 2, "features", ["features", 1]):
            params = {"backbone": backbone, "layer": layer, "pooling": pooling}
            expected = features(X, **params)
            for folder in (tmp_path / pooling / str(layer), tmp_path, tmp_path):
                assert_array_equal(features(X, folder, **params), expected)
    found, computed = counts(tmp_path)
    assert found > 2 * computed


def test_a_flattened_map_is_kept_alone(fashion, tmp_path):
    X = fashion[0][:40]
    flat = features(X, tmp_path, layer="second", pooling="flatten")
    assert counts(tmp_path) == (0, 40)
    # Its pass kept the pooled stages, and it is found itself.
    features(X, tmp_path, layer="third", pooling="max")
    assert_array_equal(features(X, tmp_path, layer="second", pooling="flatten"), flat)
    assert counts(tmp_path) == (80, 40)
    # Of a map of another layer there is nothing to be found.
    features(X, tmp_path, layer="third", pooling="flatten")
    assert counts(tmp_path) == (80, 80)


def test_a_layer_that_is_no_stage_has_both_poolings(fashion, tmp_path):
    X = fashion[0][:40]
    for pooling in ("average", "max"):
        expected = features(X, layer="active", pooling=pooling)
        assert_array_equal(features(X, tmp_path, layer="active", pooling=pooling), expected)
    assert counts(tmp_path) == (40, 40)
    features(X, tmp_path, layer=["third", "active"], pooling="max")
    assert counts(tmp_path) == (80, 40)


@pytest.mark.parametrize(
    ("freeze_until", "layer", "pooling", "passes"),
    [
        ("first", "first", "max", 0),
        ("first", "first", "flatten", 0),
        ("second", "pooled", "average", 0),
        # The pass goes on from the stored map, and keeps the stages after it.
        ("second", "third", "average", 1),
        ("second", ["third", "features"], "max", 1),
        ("second", "first", "max", 1),
    ],
)
def test_what_a_classifier_stored_is_found(
    make, fashion, tmp_path, freeze_until, layer, pooling, passes
):
    X, y = fashion[0][:60], fashion[1][:60]
    frozen = {"backbone": WITH_VECTOR, "freeze_until": freeze_until, "epochs": 1}
    make(**frozen, memory=tmp_path).fit(X, y).predict(X)
    before = counts(tmp_path)
    assert before == (60, 60)
    expected = features(X, layer=layer, pooling=pooling)
    assert_array_equal(features(X, tmp_path, layer=layer, pooling=pooling), expected)
    assert counts(tmp_path)[1] - before[1] == 60 * passes
    assert_array_equal(features(X, tmp_path, layer=layer, pooling=pooling), expected)
    assert counts(tmp_path)[1] - before[1] == 60 * passes
    if passes:
        features(X, tmp_path, layer="third", pooling="max")
        assert counts(tmp_path)[1] == 120


def test_that_a_map_was_read_is_seen_once_it_is_another(make, fashion, tmp_path):
    """A pass that began with the images would have the bits of one that went on from a map."""
    X, y = fashion[0][:60], fashion[1][:60]
    make(backbone=WITH_VECTOR, freeze_until="second", epochs=1, memory=tmp_path).fit(X, y)
    fitted = BackboneFeatures(WITH_VECTOR, random_state=0, memory=tmp_path).fit(X)
    expected = fitted.transform(X)
    assert len(np.unique(expected, axis=0)) > 1
    for path in [*tmp_path.rglob("*.features")]:
        remove_unit(path)
    body, sharing = get_body(fitted._fitted.architecture), fitted._sharing
    tables = OutputTables(body, sharing.hashes, sharing.store)
    maps = tables.of_layer(Output(body.output_at("pooled"), "flatten")).rows
    rows = np.ones((60, *maps.shape), "float32")
    maps.add(hash_images(X[..., None], sharing.store), rows, np.arange(60))
    assert len(np.unique(fitted.transform(X), axis=0)) == 1


@pytest.mark.parametrize("backbone", ["small_cnn", "small_resnet"])
def test_the_whole_body_of_a_classifier_is_found(make, fashion, tmp_path, backbone):
    """Heads take a flattened map of the one, and an average of the other."""
    X, y = fashion[0][:60], fashion[1][:60]
    make(backbone=backbone, freeze_until="features", epochs=1, memory=tmp_path).fit(X, y)
    expected = features(X, backbone=backbone)
    assert_array_equal(features(X, tmp_path, backbone), expected)
    assert counts(tmp_path) == (60, 60)


def with_elu(images):
    """The activation comes after the last stage, and rounds otherwise in a function of its own."""
    from keras import layers

    x = layers.Conv2D(16, 3, activation="relu", name="first")(images)
    return layers.Activation("elu", name="active")(layers.Conv2D(32, 3, name="last")(x))


@pytest.mark.parametrize("pooling", ["average", "flatten"])
def test_a_body_that_a_classifier_computed_in_one_function_has_its_bits(
    make, fashion, tmp_path, pooling
):
    X, y = fashion[0][:60], fashion[1][:60]
    backbone = Backbone(
        "with_elu", build=with_elu, stages=("first", "last"), min_size=8, pooling=pooling
    )
    make(backbone=backbone, freeze_until="features", epochs=1, memory=tmp_path).fit(X, y)
    params = {"backbone": backbone, "pooling": pooling}
    assert_array_equal(features(X, tmp_path, **params), features(X, **params))


@pytest.mark.slow
@pytest.mark.parametrize("freeze_until", ["features", -1])
@pytest.mark.parametrize("backbone", list_backbones())
def test_features_of_every_backbone_are_those_of_its_classifier(
    make, tmp_path, backbone, freeze_until
):
    X = load_fashion_sample(return_X_y=True)[0][:20]
    params = {"backbone": backbone, "input_size": max(32, get_backbone(backbone).min_size)}
    frozen = {**params, "freeze_until": freeze_until, "epochs": 1, "memory": tmp_path}
    make(**frozen).fit(X, np.arange(20) % 2)
    for layer in (freeze_until, "features"):
        for pooling in ("average", "max", "flatten"):
            wanted = {**params, "layer": layer, "pooling": pooling}
            assert_array_equal(features(X, tmp_path, **wanted), features(X, **wanted))


def test_a_classifier_finds_a_flattened_map(make, fashion, tmp_path):
    X, y = fashion[0][:60], fashion[1][:60]
    features(X, tmp_path, layer="pooled", pooling="flatten")
    make(backbone=WITH_VECTOR, freeze_until="second", epochs=1, memory=tmp_path).fit(X, y)
    assert counts(tmp_path) == (60, 60)


def test_a_body_that_ends_earlier_shares_its_stages(make, fashion, tmp_path):
    X, y = fashion[0][:60], fashion[1][:60]
    ends = {"body_until": "third", "freeze_until": "second"}
    make(backbone=WITH_VECTOR, **ends, epochs=1, memory=tmp_path).fit(X, y)
    features(X, tmp_path, layer="pooled")
    assert counts(tmp_path) == (60, 60)


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "flipped bits":
        for position in range(5, len(content), 64):
            content[position] ^= 1
    path.write_bytes(content[: len(content) // 2] if how == "half" else content)


@pytest.mark.parametrize("how", ["flipped bits", "half"])
@pytest.mark.parametrize("suffix", ["features", "index"])
def test_a_damaged_file_is_computed_again(fashion, tmp_path, how, suffix):
    X = fashion[0][:40]
    expected = [features(X, layer=layer) for layer in (1, 2, "features")]
    features(X, tmp_path)
    for path in tmp_path.rglob(f"*.{suffix}"):
        damage(path, how)
    for layer, rows in zip((1, 2, "features"), expected, strict=True):
        assert_array_equal(features(X, tmp_path, layer=layer), rows)
    assert 40 < counts(tmp_path)[1] <= 80
    computed = counts(tmp_path)[1]
    for layer in (1, 2, "features"):
        features(X, tmp_path, layer=layer)
    assert counts(tmp_path)[1] == computed


def test_nothing_is_kept_without_room_or_of_few_images(fashion, tmp_path):
    X = fashion[0][:40]
    assert_array_equal(features(X, tmp_path, memory_limit=500), features(X))
    assert memory_report(tmp_path)["bytes"] == 0
    assert_array_equal(features(X[:15], tmp_path), features(X)[:15])
    assert memory_report(tmp_path)["bytes"] == 0


def test_the_limit_holds(fashion, tmp_path):
    X = fashion[0]
    limit = 40_000
    for begin in range(0, 200, 40):
        features(X[begin : begin + 40], tmp_path, memory_limit=limit)
        assert 0 < memory_report(tmp_path)["bytes"] <= limit
    assert len([*tmp_path.rglob("*.features")]) < 5


def test_what_is_computed_as_soon_as_read_is_not_looked_for(fashion, tmp_path):
    X = fashion[0][:40]
    expected = features(X, backbone="small_cnn", layer="rescale")
    assert_array_equal(features(X, tmp_path, "small_cnn", layer="rescale"), expected)
    assert counts(tmp_path) == (0, 0)


def test_paths_images_and_arrays_share(tmp_path):
    pixels = load_fashion_sample(return_X_y=True)[0][:20]
    images = [Image.fromarray(each) for each in pixels]
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    params = {"backbone": "small_cnn", "image_shape": (28, 28), "layer": [1, 2]}
    expected = features(pixels, **params)
    for X in (paths, images, pixels, pixels.reshape(20, -1)):
        assert_array_equal(features(X, tmp_path / "memory", **params), expected)
    assert counts(tmp_path / "memory") == (60, 20)


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
def test_types_have_tables_of_their_own(fashion, tmp_path, dtype):
    X = fashion[0][:40]
    features(X, tmp_path)
    for layer in (2, "features"):
        expected = features(X, dtype=dtype, layer=layer)
        assert_array_equal(features(X, tmp_path, dtype=dtype, layer=layer), expected)
    assert counts(tmp_path) == (40, 80)


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_a_parallel_search_computes_each_image_once(fashion, tmp_path, backend):
    X, y = fashion
    features = BackboneFeatures(random_state=0, memory=str(tmp_path))
    search = GridSearchCV(
        make_pipeline(features, KNeighborsClassifier()),
        {"backbonefeatures__layer": [1, 2]},
        cv=2,
        refit=False,
        error_score="raise",
        n_jobs=2,
    )
    with parallel_config(backend=backend):
        search.fit(X, y)
    assert counts(tmp_path)[1] == len(X)
    assert search.cv_results_["mean_test_score"].min() > 0.3


def test_copies_share_and_a_loaded_estimator_does_not(fashion, tmp_path):
    X = fashion[0][:40]
    fitted = BackboneFeatures(layer=1, random_state=0, memory=tmp_path).fit(X)
    expected = fitted.transform(X)
    copy = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copy.transform(X), expected)
    assert counts(tmp_path) == (40, 40)
    save(fitted, tmp_path / "features.skf")
    loaded = load(tmp_path / "features.skf")
    assert_array_equal(loaded.transform(X), expected)
    assert counts(tmp_path) == (40, 40)
    assert set(loaded._fitted.weights) == {"conv1/kernel", "conv1/bias"}
    fitted.set_params(memory=None)
    fitted.transform(X)
    assert counts(tmp_path) == (80, 40)


def test_random_weights_without_a_seed_share_nothing(fashion, tmp_path):
    estimator = BackboneFeatures(memory=tmp_path)
    with pytest.warns(UserWarning, match="memory shares nothing with random_state=None"):
        estimator.fit_transform(fashion[0][:40])
    assert not [*tmp_path.rglob("*.features")]


def test_weights_of_a_file_need_no_seed(fashion, tmp_path, body_path):
    X = fashion[0][:40]
    params = {"weights": body_path, "memory": tmp_path}
    for layer in (1, "features"):
        found = BackboneFeatures(layer=layer, **params).fit_transform(X)
        assert_array_equal(BackboneFeatures(layer=layer, weights=body_path).fit_transform(X), found)
    assert counts(tmp_path) == (40, 40)


def test_other_weights_are_another_table(fashion, tmp_path):
    X = fashion[0][:40]
    for seed in range(2):
        fitted = BackboneFeatures(random_state=seed, memory=tmp_path).fit(X)
        alone = BackboneFeatures(random_state=seed).fit(X)
        assert_array_equal(fitted.transform(X), alone.transform(X))
    assert counts(tmp_path) == (0, 80)


@pytest.mark.parametrize("layer", ["first", "second"])
def test_another_configuration_of_a_layer_is_another_table(fashion, tmp_path, layer):
    """Each is the first layer of the images, or of a stage."""

    def build(images, activation):
        from keras import layers

        activations = {"first": "relu", "second": "relu"} | {layer: activation}
        x = images
        for name, each in activations.items():
            x = layers.Conv2D(16, 3, activation=each, name=name)(x)
        return layers.Conv2D(16, 3, name="third")(x)

    X, stages = fashion[0][:40], ("first", "second", "third")
    bodies = [
        Backbone("body", build=partial(build, activation=each), stages=stages, min_size=14)
        for each in ("relu", "tanh")
    ]
    for body in bodies:
        alone = features(X, backbone=body)
        assert_array_equal(features(X, tmp_path, backbone=body), alone)
    assert counts(tmp_path) == (0, 80)


def test_parts_of_a_table_are_read_alone(tmp_path):
    hashes = np.arange(80, dtype="<u8").reshape(40, 2)
    vectors = np.random.default_rng(0).random((40, 9), "float32")
    table = RowTable(Store(tmp_path), "a0", (9,), "float32", [2, 3, 4])
    table.add(hashes, vectors, np.arange(40))
    assert table.has(hashes[::-1]).all()
    assert not table.has(hashes + 100).any()
    # A flipped bit in the last part is not seen in the others.
    (path,) = tmp_path.rglob("*.features")
    damage_at = 40 * 4 * 5 + 3
    content = bytearray(path.read_bytes())
    content[damage_at] ^= 1
    path.write_bytes(content)
    for part, columns in enumerate((slice(0, 2), slice(2, 5))):
        rows = np.full((40, columns.stop - columns.start), np.nan, "float32")
        for found, values in table.read(hashes, part=part):
            rows[found] = values
        assert_array_equal(rows, vectors[:, columns])
    assert sum(len(found) for found, _ in table.read(hashes, part=2)) == 39
    assert not path.exists()
