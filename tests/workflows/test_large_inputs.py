"""Images that are read a part at a time: the same bits, and no copy of all of them."""

import mmap
import tracemalloc

import numpy as np
import psutil
import pytest
import sklearn
from numpy.testing import assert_array_equal

from skfashion import Backbone, TransferClassifier, memory_report
from skfashion._data import chunks
from skfashion._data.row_subset import RowSubset
from tests.class_split import GTE5


@pytest.fixture
def in_parts(monkeypatch):
    """Make every array too large to go to TensorFlow as a whole."""

    def set_limits(n_bytes):
        monkeypatch.setattr(chunks, "MOST_RESIDENT_BYTES", 0)
        monkeypatch.setattr(chunks, "WINDOW_BYTES", n_bytes)
        monkeypatch.setattr(chunks, "CHUNK_BYTES", n_bytes)
        monkeypatch.setattr(chunks, "SCAN_BYTES", n_bytes)

    return set_limits


def mapped(array, folder):
    """Return the array as a file that is read where it is touched."""
    path = folder / "X.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


IN_PARTS = [
    {"freeze_until": None},
    {"freeze_until": "features"},
    {"freeze_until": "conv1"},  # images go in, not features
    {"freeze_until": None, "augmentation": {"flip": "both"}},
    {"freeze_until": "conv1", "augmentation": ["flip", "shift"]},
    {"freeze_until": "dense", "early_stopping": True, "validation_fraction": 0.2},
    {"freeze_until": "features", "schedule": "cosine", "class_weight": "balanced"},
    {"freeze_until": "features", "target_classes": [0, 1, 7]},
]


@pytest.mark.parametrize(
    ("params", "as_type"),
    [
        *((params, "uint8") for params in IN_PARTS),
        *((params, "float64") for params in IN_PARTS[:3]),
        *(pytest.param(params, "float64", marks=pytest.mark.slow) for params in IN_PARTS[3:]),
    ],
    ids=str,
)
def test_parts_give_the_bits_of_the_whole(make, fashion, params, as_type, in_parts, tmp_path):
    X, y = fashion
    X = X if as_type == "uint8" else X / 255
    whole = make(pretrain_classes=GTE5, batch_size=30, **params).fit(X, y)
    in_parts(2**13)
    parts = make(pretrain_classes=GTE5, batch_size=30, **params).fit(mapped(X, tmp_path), y)
    assert parts.history_["loss"] == whole.history_["loss"]
    assert parts.history_.get("val_loss") == whole.history_.get("val_loss")
    assert_array_equal(parts.predict_proba(mapped(X, tmp_path)), whole.predict_proba(X))


def test_memory_finds_the_same_images_in_a_file(make, fashion, tmp_path):
    from skfashion import memory_report

    X, y = fashion
    params = {"pretrain_classes": GTE5, "freeze_until": "features", "memory": tmp_path / "memory"}
    there = make(**params).fit(X, y)
    found = make(**params).fit(mapped(X, tmp_path), y)
    assert_array_equal(found.predict_proba(X), there.predict_proba(X))
    assert memory_report(tmp_path / "memory")["pretrainings_found"] == 1


@pytest.mark.parametrize(
    "params",
    [
        {"freeze_until": "dense"},
        {"freeze_until": "dense", "memory": "memory"},
        {"freeze_until": "dense", "augmentation": "flip"},  # recomputed, for one epoch
        {"freeze_until": "conv1", "augmentation": ["flip", "shift"]},
    ],
    ids=str,
)
def test_no_step_of_a_fit_copies_all_images(make, in_parts, tmp_path, params):
    rng = np.random.default_rng(0)
    # So many that graphs which happen to be traced anew, a few megabytes, do not count.
    y = rng.permutation(np.repeat(np.arange(10), 1200))
    X = mapped(rng.integers(0, 256, (12_000, 40, 40, 3), np.uint8), tmp_path)
    small = {"input_size": 12, "hidden_units": 16, "batch_size": 32}
    if "memory" in params:
        params = {**params, "memory": tmp_path / params["memory"]}
    clf = make(pretrain_classes=GTE5, pretrain_epochs=1, epochs=1, **small, **params)
    clf.fit(X[:100], y[:100])  # what is built once is not counted
    in_parts(2**20)
    tracemalloc.start()
    try:
        clf.fit(X, y)
        with sklearn.config_context(working_memory=1):
            clf.score(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes / 3


def coarse(images):
    """A body that large images pass quickly."""
    from keras import layers

    x = layers.Conv2D(4, 5, strides=5, activation="relu", name="coarse")(images)
    return layers.Conv2D(8, 5, strides=5, activation="relu", name="coarser")(x)


COARSE = Backbone("coarse", build=coarse, stages=("coarse", "coarser"), min_size=32)


def test_memory_finds_predictions_of_images_of_which_few_fit_into_a_chunk(in_parts, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 255, (43, 300, 300), dtype=np.uint8), np.arange(20) % 2
    params = {"freeze_until": "features", "epochs": 1, "random_state": 0}
    expected = TransferClassifier(COARSE, **params).fit(X[:20], y).predict_proba(X)
    clf = TransferClassifier(COARSE, **params, memory=tmp_path).fit(X[:20], y)

    def count_found(rows):
        before = memory_report(tmp_path)["rows_found"]
        assert_array_equal(clf.predict_proba(X[rows]), expected[rows])
        return memory_report(tmp_path)["rows_found"] - before

    in_parts(2**18)  # a batch of 13 images
    assert clf._fitted.architecture.prediction_batch == 13
    assert [count_found(slice(40)) for _ in range(2)] == [20, 40]
    # Fewer new images than are worth a file are computed each time.
    assert [count_found(slice(43)) for _ in range(2)] == [40, 40]


def test_scores_of_parts_are_those_of_the_whole(fitted, fashion):
    whole = fitted.score(*fashion)
    with sklearn.config_context(working_memory=196 * 30 / 2**20):
        assert fitted.score(*fashion) == whole


lets_go = pytest.mark.skipif(
    not hasattr(mmap, "MADV_DONTNEED"), reason="pages go as the system likes"
)


@lets_go
def test_what_was_read_of_a_file_does_not_stay_resident(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "SCAN_BYTES", 2**20)
    X = mapped(np.ones((64, 2**20), np.uint8), tmp_path)
    before = psutil.Process().memory_info().shared
    assert RowSubset(np.asarray(X)).extremes == (1, 1)
    assert psutil.Process().memory_info().shared - before < X.nbytes / 4


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_changes_of_a_mapped_array_are_not_lost(tmp_path, mode):
    np.save(tmp_path / "X.npy", np.zeros((8, 4096), np.uint8))
    X = np.load(tmp_path / "X.npy", mmap_mode=mode)
    X[:] = 1
    picked = RowSubset(X)
    for _ in range(2):
        assert (picked[:] == 1).all()


@lets_go
def test_changes_of_a_block_of_memory_are_not_lost():
    block = mmap.mmap(-1, 8 * 4096, flags=mmap.MAP_PRIVATE)
    X = np.frombuffer(block, np.uint8).reshape(8, 4096)
    X[:] = 1
    picked = RowSubset(X)
    for _ in range(2):
        assert (picked[:] == 1).all()
