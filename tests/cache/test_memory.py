"""What fits share through a folder: found or computed, the same bits; whole files or none."""

import pickle
import subprocess
import sys

import joblib
import keras
import numpy as np
import pytest
import safetensors.numpy
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

from skfashion import Backbone, clear_memory, memory_report
from skfashion._cache.row_table import RowTable
from skfashion._cache.store import Store, remove_unit
from skfashion._training import checkpoints
from skfashion.model_selection import ClassSplitCV
from tests.class_split import GTE5, LT5

TRANSFER = {"pretrain_classes": GTE5, "freeze_until": "features"}


def counts(folder):
    report = memory_report(folder)
    del report["bytes"], report["seconds_saved"]
    return report


def test_what_is_computed_as_soon_as_read_is_not_looked_for(make, fashion, tmp_path):
    clf = make(**{**TRANSFER, "freeze_until": "conv1"}, memory=tmp_path).fit(*fashion)
    clf.predict(fashion[0])
    report = counts(tmp_path)
    assert report["rows_found"] == report["rows_computed"] == 0
    assert report["pretrainings_computed"] == 1


@pytest.mark.parametrize("freeze_until", ["conv1", "conv2", "features", "dense", None])
def test_found_is_computed(make, fashion, tmp_path, freeze_until):
    params = {**TRANSFER, "freeze_until": freeze_until}
    plain = make(**params).fit(*fashion)
    first, second = (make(**params, memory=tmp_path).fit(*fashion) for _ in range(2))
    for clf in (first, second):
        assert_array_equal(clf.predict_proba(fashion[0]), plain.predict_proba(fashion[0]))
        assert clf.history_["loss"] == plain.history_["loss"]
        assert clf.pretrain_history_["loss"] == plain.pretrain_history_["loss"]
    assert memory_report(tmp_path)["pretrainings_found"] == 1


def test_a_fold_takes_rows_from_other_folds(make, fashion, tmp_path):
    X, y = fashion
    target = np.flatnonzero(np.isin(y, LT5))
    source = np.flatnonzero(np.isin(y, GTE5))
    clf = make(**TRANSFER, memory=tmp_path)
    clf.fit(X[[*source, *target[:60]]], y[[*source, *target[:60]]])
    assert counts(tmp_path)["rows_computed"] == 60
    clf.fit(X[[*source, *target[40:]]], y[[*source, *target[40:]]])
    totals = counts(tmp_path)
    assert totals["rows_found"] == 20
    assert totals["rows_computed"] == len(target)
    assert totals["pretrainings_found"] == 1
    clf.predict(X[target])
    assert counts(tmp_path)["rows_computed"] == len(target)


def four_convolutions(images):
    x = images / 255
    for n in range(4):
        x = keras.layers.Conv2D(32, 3, strides=1 + n % 2, name=f"conv{n}")(x)
    return x


def test_a_deeper_cut_continues_from_a_shallower_one(make, fashion, tmp_path):
    X, _ = fashion
    stages = [f"conv{n}" for n in range(4)]
    backbone = Backbone("four_convolutions", four_convolutions, stages, min_size=14)

    def at(point, memory=None):
        params = {"backbone": backbone, "pretrain_classes": GTE5, "epochs": 0}
        return make(**params, freeze_until=point, memory=memory).fit(*fashion)

    expected = at("conv3").predict_proba(X)
    at("conv1", tmp_path).predict(X)
    for path in [*tmp_path.rglob("*.features")]:
        index = safetensors.numpy.load(path.with_suffix(".index").read_bytes()[4:])
        remove_unit(path)
        table = RowTable(Store(tmp_path), path.parent.name, (5, 5, 32), "float32")
        features = np.full((len(X), *table.shape), np.nan, "float32")
        table.add(index["hashes"], features, np.arange(len(index["hashes"])))
    # That it was read is seen once it is no number.
    assert not np.array_equal(at("conv3", tmp_path).predict_proba(X), expected)
    clear_memory(tmp_path)
    at("conv1", tmp_path).predict(X)
    assert_array_equal(at("conv3", tmp_path).predict_proba(X), expected)
    n_computed = counts(tmp_path)["rows_computed"]
    assert_array_equal(at("conv3", tmp_path).predict_proba(X), expected)
    assert counts(tmp_path)["rows_computed"] == n_computed


def test_freeze_points_with_one_cut_are_one_computation(
    make, fashion, tmp_path, monkeypatch, weights_of
):
    monkeypatch.setattr(checkpoints, "SECONDS_PER_BYTE", 0)  # fine-tuning is stored, too
    points = "conv2", "pool", "features"
    plain, *fits = (
        make(**{**TRANSFER, "freeze_until": point}, memory=memory).fit(*fashion)
        for point, memory in zip(("features", *points), (None, *[tmp_path] * 3), strict=True)
    )
    for clf, point in zip(fits, points, strict=True):
        assert clf.freeze_point_ == point
        for path, array in weights_of(clf).items():
            assert_array_equal(array, weights_of(plain)[path])
    report = counts(tmp_path)
    assert report["rows_computed"] == np.count_nonzero(np.isin(fashion[1], LT5))
    assert report["pretrainings_computed"] == 1
    assert report["epochs_found"] == 2 * (1 + 2)


def test_a_flipped_bit_changes_no_result(make, fashion, tmp_path):
    clf = make(**TRANSFER, memory=tmp_path)
    expected = clf.fit(*fashion).predict_proba(fashion[0])
    files = [*tmp_path.rglob("entries/*"), *tmp_path.rglob("rows/*/*")]
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    before = counts(tmp_path)
    assert_array_equal(clf.fit(*fashion).predict_proba(fashion[0]), expected)
    after = counts(tmp_path)
    assert after["pretrainings_computed"] == before["pretrainings_computed"] + 1
    # The files were replaced.
    assert_array_equal(clf.fit(*fashion).predict_proba(fashion[0]), expected)
    last = counts(tmp_path)
    assert last["pretrainings_found"] == after["pretrainings_found"] + 1
    assert last["rows_computed"] == after["rows_computed"]


def test_a_folder_of_the_first_format_is_not_read_and_is_cleared(make, fashion, tmp_path):
    old = tmp_path / "skfashion" / "1" / "entries" / "key.npz"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    make(**TRANSFER, memory=tmp_path).fit(*fashion)
    assert old.read_bytes() == b"old"
    clear_memory(tmp_path)
    assert not old.exists()


def test_any_number_that_matters_is_in_the_key(make, fashion, tmp_path):
    X, y = fashion
    only = {**TRANSFER, "epochs": 0}  # of pretraining
    make(**only, memory=tmp_path).fit(X, y)
    for change in (
        {"random_state": 1},
        {"pretrain_epochs": 2},
        {"pretrain_learning_rate": 0.01},
        {"batch_size": 50},
        {"optimizer": "sgd"},
        {"augmentation": "flip"},
        {"early_stopping": True},
        {"class_weight": {5: 2.0}},
        {"hidden_units": 16},
        {"dropout": 0.1},
        {"clip_norm": 1.0},
        {"pretrain_classes": GTE5[:-1], "target_classes": LT5},
    ):
        make(**{**only, **change}, memory=tmp_path).fit(X, y)
    make(**only, memory=tmp_path).fit(X[::-1], y[::-1])
    make(**only, memory=tmp_path).fit(X, y, np.linspace(1, 2, len(y)))
    totals = counts(tmp_path)
    assert totals["pretrainings_found"] == 0
    assert totals["pretrainings_computed"] == 15
    # These numbers only matter with early stopping, or where something is frozen.
    for number, change in enumerate(({"tol": 0.1}, {"n_iter_no_change": 2}), 1):
        make(**{**only, **change}, memory=tmp_path).fit(X, y)
        assert counts(tmp_path)["pretrainings_found"] == number
    augmented = {**only, "augmentation": "shift", "memory": tmp_path}
    make(**augmented).fit(X, y)
    make(**augmented, augmentation_views=2).fit(X, y)
    assert counts(tmp_path)["pretrainings_computed"] == 16


def test_what_concerns_the_target_task_alone_is_not(make, fashion, tmp_path):
    for change in (
        {},
        {"learning_rate": 0.01},
        {"epochs": 2},
        {"freeze_until": "conv1"},
        {"output_layer": "keep"},
    ):
        make(**{**TRANSFER, **change}, memory=tmp_path).fit(*fashion)
    assert counts(tmp_path)["pretrainings_computed"] == 1


def test_a_grid_scores_the_same_with_and_without(make, fashion, tmp_path):
    grid = {"freeze_until": [0, "features"], "learning_rate": [0.001, 0.01]}
    cv = ClassSplitCV(2, pretrain_classes=GTE5)
    scores = [
        GridSearchCV(make(**TRANSFER, memory=memory), grid, cv=cv, refit=False)
        .fit(*fashion)
        .cv_results_["mean_test_score"]
        for memory in (None, tmp_path, tmp_path)
    ]
    assert_array_equal(scores[1], scores[0])
    assert_array_equal(scores[2], scores[0])
    assert counts(tmp_path)["pretrainings_computed"] == 1


def test_what_is_too_large_is_not_kept(make, fashion, tmp_path):
    clf = make(**TRANSFER, memory=tmp_path, memory_limit=1000).fit(*fashion)
    plain = make(**TRANSFER).fit(*fashion)
    assert_array_equal(clf.predict_proba(fashion[0]), plain.predict_proba(fashion[0]))
    assert memory_report(tmp_path)["bytes"] <= 1000


def test_a_limit_evicts_no_checkpoint_in_the_same_folder(make, fashion, tmp_path):
    make(**TRANSFER, checkpoint=tmp_path).fit(*fashion)
    checkpoints = {*tmp_path.rglob("entries/*")}
    limit = memory_report(tmp_path)["bytes"]
    make(**TRANSFER, random_state=1, memory=tmp_path, memory_limit=limit).fit(*fashion)
    assert [*tmp_path.rglob("rows/*/*")]
    assert {*tmp_path.rglob("entries/*")} >= checkpoints


def test_fine_tuning_is_kept_if_writing_takes_a_tenth_of_its_time(make, lt5, tmp_path):
    make(hidden_units=4, epochs=5, memory=tmp_path).fit(*lt5)
    assert len([*tmp_path.rglob("entries/*")]) == 1


def test_damaged_files_count_as_missing(make, fashion, tmp_path):
    clf = make(**TRANSFER, memory=tmp_path)
    expected = clf.fit(*fashion).predict_proba(fashion[0])
    files = [*tmp_path.rglob("entries/*"), *tmp_path.rglob("rows/*/*")]
    assert files
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    assert_array_equal(clf.fit(*fashion).predict_proba(fashion[0]), expected)


def test_a_folder_that_cannot_be_written_to(make, fashion, tmp_path):
    (tmp_path / "skfashion").write_text("in the way")
    clf = make(**TRANSFER, memory=tmp_path).fit(*fashion)
    assert_array_equal(clf.predict(fashion[0]), make(**TRANSFER).fit(*fashion).predict(fashion[0]))


def test_joblib_memory_and_clearing(make, fashion, tmp_path):
    (tmp_path / "other").write_text("not ours")
    memory = joblib.Memory(tmp_path, verbose=0)
    make(**TRANSFER, memory=memory, memory_limit="1G").fit(*fashion)
    assert memory_report(memory)["bytes"] > 0
    clear_memory(memory)
    assert memory_report(memory)["bytes"] == 0
    assert (tmp_path / "other").exists()
    assert make(memory=joblib.Memory(None), epochs=1).fit(*fashion)._fitted.store is None


@pytest.mark.parametrize("limit", ["much", "", "0G", "-1G", "infG"])
def test_a_limit_that_is_no_number(make, fashion, tmp_path, limit):
    with pytest.raises(
        ValueError, match=f"memory_limit='{limit}' is not a number of bytes above 0"
    ):
        make(memory=tmp_path, memory_limit=limit).fit(*fashion)


@pytest.mark.parametrize("function", [memory_report, clear_memory])
def test_no_folder(function):
    with pytest.raises(ValueError, match="memory=None names no folder"):
        function(None)


def test_a_file_is_no_folder(make, fashion, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"memory='.*file' is a file\. Give a folder, or None"):
        make(memory=tmp_path / "file").fit(*fashion)


def test_folders_may_be_in_the_home_folder(make, fashion, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    make(epochs=1, checkpoint="~/checkpoint", memory="~/memory").fit(*fashion)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert memory_report("~/checkpoint")["bytes"] > 0


def test_no_random_state_shares_nothing(make, fashion, tmp_path):
    with pytest.warns(UserWarning, match="random_state=None") as record:
        make(**TRANSFER, random_state=None, memory=tmp_path).fit(*fashion)
    assert record[0].filename == __file__
    assert memory_report(tmp_path)["bytes"] == 0


CLEAR = """
import sys, skfashion
print("ready", flush=True)
while True:
    skfashion.clear_memory(sys.argv[1])
"""


def test_cleared_while_in_use(make, fashion, tmp_path):
    plain = make(**TRANSFER).fit(*fashion).predict_proba(fashion[0])
    with subprocess.Popen(
        [sys.executable, "-c", CLEAR, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout.readline() == b"ready\n"
            for _ in range(5):
                clf = make(**TRANSFER, memory=tmp_path).fit(*fashion)
                assert_array_equal(clf.predict_proba(fashion[0]), plain)
            assert process.poll() is None
        finally:
            process.kill()


def test_a_pickle_predicts(make, fashion, tmp_path):
    clf = make(**TRANSFER, memory=tmp_path).fit(*fashion)
    copy = pickle.loads(pickle.dumps(clf))
    clear_memory(tmp_path)
    assert_array_equal(copy.predict_proba(fashion[0]), clf.predict_proba(fashion[0]))


def test_an_edited_backbone_is_another_one(make, fashion, tmp_path):
    def body(units):
        def build(images):
            from keras import layers

            return layers.Conv2D(4, 3, strides=units, name="conv")(images)

        return Backbone("own", build=build, stages=("conv",), min_size=8)

    for strides in (1, 2, 2):
        make(**TRANSFER, backbone=body(strides), memory=tmp_path).fit(*fashion)
    assert counts(tmp_path)["pretrainings_computed"] == 2


def test_stages_have_a_part_in_the_rates_of_layers(make, fashion, tmp_path):
    def build(images):
        from keras import layers

        first = layers.Conv2D(4, 3, name="first")(images)
        return layers.Conv2D(4, 3, name="second")(first)

    for stages in (("first", "second"), ("second",)):
        backbone = Backbone("own", build=build, stages=stages, min_size=8)
        make(**TRANSFER, backbone=backbone, layer_decay=0.1, memory=tmp_path).fit(*fashion)
    assert counts(tmp_path)["pretrainings_computed"] == 2


def test_a_pretraining_of_no_epochs_is_neither_found_nor_computed(make, fashion, tmp_path):
    make(**TRANSFER, pretrain_epochs=0, memory=tmp_path).fit(*fashion)
    report = memory_report(tmp_path)
    assert report["pretrainings_found"] == report["pretrainings_computed"] == 0


def test_a_few_images_are_not_worth_a_file(make, fashion, tmp_path):
    clf = make(**TRANSFER, pretrain_epochs=0, epochs=0, memory=tmp_path).fit(*fashion)
    for row in range(3):
        clf.predict(fashion[0][row : row + 1])
    assert memory_report(tmp_path)["rows_computed"] == 3
    assert memory_report(tmp_path)["bytes"] == 0
    clf.predict(fashion[0])
    assert memory_report(tmp_path)["bytes"] > 0


class Scale(keras.layers.Layer):
    def __init__(self, unit, **kwargs):
        super().__init__(**kwargs)
        self.unit = unit

    def call(self, images):
        return images / self.unit.size


def scaled(images):
    x = Scale(np.zeros(255), name="scale")(images)
    return keras.layers.Conv2D(4, 3, strides=2, name="conv")(x)


def test_layers_that_do_not_tell_their_configuration(make, fashion, tmp_path):
    backbone = Backbone("scaled", build=scaled, stages=("conv",), min_size=8)
    make(backbone=backbone, **TRANSFER).fit(*fashion)
    with pytest.raises(ValueError, match=r"'scaled' has a layer without one.*get_config"):
        make(backbone=backbone, **TRANSFER, memory=tmp_path).fit(*fashion)
