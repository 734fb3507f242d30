"""A longer run goes on from a shorter one that memory has, with the bits of a straight one."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.callback import FitCallback

import skfashion._training.checkpoints
from skfashion import TransferClassifier, clear_memory, memory_report
from skfashion._cache.checked_arrays import read_arrays
from tests.class_split import GTE5
from tests.residual import RESIDUAL


@pytest.fixture(autouse=True)
def _keep_the_shortest_runs(monkeypatch):
    monkeypatch.setattr(skfashion._training.checkpoints, "SECONDS_PER_BYTE", 0)


def found(folder):
    return memory_report(folder)["epochs_found"]


@pytest.mark.parametrize(
    "params",
    [
        {"freeze_until": "features"},
        {"freeze_until": None, "optimizer": "sgd", "learning_rate": 0.01},
        {"freeze_until": "dense", "optimizer": "rmsprop", "dtype": "mixed_bfloat16"},
        {"freeze_until": "conv1", "augmentation": ["flip", "rotate"], "batch_size": 30},
        {"freeze_until": "conv1", "head_epochs": 1, "epochs_per_stage": 2},
        {"freeze_until": "conv1", "head_epochs": 2},
        {"class_weight": "balanced", "clip_norm": 1.0, "body_learning_rate": 0.01},
        pytest.param(
            {"backbone": RESIDUAL, "freeze_until": "norm", "schedule": "constant", "warmup": 0},
            id="residual",
        ),
        pytest.param(
            {"backbone": "mobilenet_v2", "freeze_until": 4, "schedule": "constant", "warmup": 0},
            marks=pytest.mark.slow,
        ),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:epochs=.* is too few to unfreeze")
def test_going_on_has_the_bits_of_a_straight_run(make, fashion, tmp_path, params, assert_same):
    params = {"pretrain_classes": GTE5, "feature_dropout": 0.5, **params}
    straight = make(**params, epochs=4).fit(*fashion)
    make(**params, epochs=2, memory=tmp_path).fit(*fashion)
    assert found(tmp_path) == 0
    continued = make(**params, epochs=4, memory=tmp_path).fit(*fashion)
    assert found(tmp_path) == 1 + 2  # of pretraining, and of fine-tuning
    assert_same(continued, straight)
    again = make(**params, epochs=4, memory=tmp_path).fit(*fashion)
    assert found(tmp_path) == 3 + 1 + 4
    assert_same(again, straight)
    assert_array_equal(again.predict_proba(fashion[0]), straight.predict_proba(fashion[0]))


def test_only_what_is_left_runs(make, fashion, tmp_path, caplog):
    make(epochs=2, memory=tmp_path).fit(*fashion)
    with caplog.at_level(logging.INFO, "skfashion"):
        clf = make(epochs=5, memory=tmp_path, verbose=1).fit(*fashion)
    assert len(caplog.messages) == 3
    assert len(clf.history_["seconds"]) == clf.n_iter_ == 5
    assert memory_report(tmp_path)["pretrainings_computed"] == 0


def test_the_longest_run_that_is_not_longer_is_taken(make, fashion, tmp_path, assert_same):
    for epochs, expected in ((1, 0), (3, 1), (2, 1), (5, 3), (4, 3)):
        before = found(tmp_path)
        clf = make(epochs=epochs, memory=tmp_path).fit(*fashion)
        assert found(tmp_path) - before == expected
        assert_same(clf, make(epochs=epochs).fit(*fashion))


def test_pretraining_goes_on_too(make, fashion, tmp_path, assert_same):
    def pretrain(epochs, memory=None):
        return make(pretrain_classes=GTE5, pretrain_epochs=epochs, memory=memory).fit(*fashion)

    pretrain(1, tmp_path)
    clf, straight = pretrain(3, tmp_path), pretrain(3)
    assert_same(clf, straight)
    assert clf.pretrain_history_["loss"] == straight.pretrain_history_["loss"]
    report = memory_report(tmp_path)
    assert (report["epochs_found"], report["pretrainings_computed"]) == (1, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": "cosine"},
        {"warmup": 0.2},
        {"early_stopping": True, "n_iter_no_change": 1},
    ],
    ids=str,
)
def test_what_depends_on_the_number_of_epochs_starts_afresh(
    make, fashion, tmp_path, change, assert_same
):
    for epochs in (1, 2):
        clf = make(epochs=epochs, memory=tmp_path, **change).fit(*fashion)
        assert found(tmp_path) == 0
    assert_same(clf, make(epochs=2, **change).fit(*fashion))


def test_a_random_state_stands_for_the_seed_that_a_fit_draws_from_it(
    make, fashion, tmp_path, assert_same
):
    def fit(epochs, random_state, memory=tmp_path):
        return make(epochs=epochs, random_state=random_state, memory=memory).fit(*fashion)

    shared = np.random.RandomState(0)
    for epochs in (1, 2):
        fit(epochs, shared)
        assert found(tmp_path) == 0
    clf = fit(2, np.random.RandomState(0))
    assert found(tmp_path) == 1
    assert_same(clf, fit(2, np.random.RandomState(0), memory=None))


@pytest.mark.parametrize("change", [{"schedule": "cosine"}, {"early_stopping": True}], ids=str)
def test_a_pretraining_that_depends_on_its_length_starts_afresh(
    make, fashion, tmp_path, change, assert_same
):
    params = {"pretrain_classes": GTE5, "epochs": 0, **change}
    for epochs in (1, 2):
        clf = make(**params, pretrain_epochs=epochs, memory=tmp_path).fit(*fashion)
    assert_same(clf, make(**params, pretrain_epochs=2).fit(*fashion))
    report = memory_report(tmp_path)
    assert (report["epochs_found"], report["pretrainings_computed"]) == (0, 2)


@pytest.mark.parametrize(
    ("change", "has_state"),
    [
        ({}, True),
        ({"early_stopping": True}, False),
        ({"schedule": "cosine"}, False),
        ({"warmup": 0.2}, False),
    ],
)
def test_only_what_can_go_on_has_a_state_of_the_optimizer(
    make, fashion, tmp_path, change, has_state
):
    make(pretrain_classes=GTE5, epochs=0, memory=tmp_path, **change).fit(*fashion)
    (path,) = tmp_path.rglob("entries/*.entry")
    names = read_arrays(path, path.stem)
    assert any(name.startswith("optimizer/") for name in names) is has_state


@pytest.mark.parametrize(
    "change",
    [
        {"freeze_until": "conv1"},
        {"learning_rate": 0.01},
        {"batch_size": 50},
        {"optimizer": "sgd"},
        {"hidden_units": 64},
        {"dropout": 0.1},
        {"random_state": 1},
        {"class_weight": {5: 2.0}},
        {"augmentation": "flip"},
        {"clip_norm": 1.0},
        {"target_classes": [0, 1, 2]},
    ],
    ids=str,
)
def test_another_run_is_not_taken(make, fashion, tmp_path, change):
    make(epochs=1, memory=tmp_path).fit(*fashion)
    make(**{"epochs": 1, **change}, memory=tmp_path).fit(*fashion)
    assert found(tmp_path) == 0


def test_watched_rows_are_part_of_a_run(make, fashion, fashion_test, tmp_path, assert_same):
    watched = dict(zip(("X_val", "y_val"), fashion_test, strict=True))
    make(epochs=1, memory=tmp_path).fit(*fashion)
    make(epochs=1, memory=tmp_path).fit(*fashion, **watched)
    assert found(tmp_path) == 0
    clf = make(epochs=3, memory=tmp_path).fit(*fashion, **watched)
    assert found(tmp_path) == 1
    assert_same(clf, make(epochs=3).fit(*fashion, **watched))


def test_without_a_seed_no_run_is_kept(fashion, tmp_path, body_path):
    X, y = fashion
    clf = TransferClassifier(weights=body_path, epochs=1, memory=tmp_path)
    clf.fit(X, y)
    assert not [*tmp_path.rglob("entries/*.entry")]


@pytest.mark.parametrize("epochs", [0, 1])
def test_further_fits_of_one_estimator_keep_no_run(make, fashion, tmp_path, epochs):
    clf = make(epochs=epochs, warm_start=True, memory=tmp_path).fit(*fashion)
    kept = len([*tmp_path.rglob("entries/*.entry")])
    assert kept == epochs
    clf.set_params(epochs=1).fit(*fashion).partial_fit(*fashion)
    make(memory=tmp_path).partial_fit(*fashion, classes=range(10))
    assert len([*tmp_path.rglob("entries/*.entry")]) == kept
    assert found(tmp_path) == 0


def test_a_run_that_a_callback_ends_is_not_kept(make, fashion, tmp_path, assert_same):
    class StopAfterFirst(FitCallback):
        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch"

    make(epochs=3, memory=tmp_path).set_callbacks(StopAfterFirst()).fit(*fashion)
    clf = make(epochs=3, memory=tmp_path).fit(*fashion)
    assert found(tmp_path) == 0
    assert_same(clf, make(epochs=3).fit(*fashion))


def test_a_longer_run_waits_for_a_shorter_one(make, fashion, tmp_path, caplog, assert_same):
    caplog.set_level(logging.INFO, "skfashion")
    began, waits = threading.Event(), threading.Event()

    class HoldTheFirstEpoch(FitCallback):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                began.set()
                assert waits.wait(60)

    class Waits(logging.Handler):
        def emit(self, record):
            if record.getMessage().startswith("waiting for another"):
                waits.set()

    handler = Waits()
    logging.getLogger("skfashion").addHandler(handler)
    shorter = make(epochs=2, memory=tmp_path).set_callbacks(HoldTheFirstEpoch())
    try:
        with ThreadPoolExecutor(1) as pool:
            ends = pool.submit(shorter.fit, *fashion)
            assert began.wait(60)
            longer = make(epochs=5, memory=tmp_path).fit(*fashion)
            ends.result(60)
    finally:
        logging.getLogger("skfashion").removeHandler(handler)
    assert found(tmp_path) == 2
    assert_same(longer, make(epochs=5).fit(*fashion))


def test_phases_that_cannot_resume_from_each_other_do_not_wait(make, fashion, tmp_path):
    began, is_over = threading.Event(), threading.Event()

    class HoldTheFirstEpoch(FitCallback):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                began.set()
                assert is_over.wait(60)

    # Both train the head first, and then other layers.
    params = {"head_epochs": 1, "epochs_per_stage": 1, "epochs": 3, "memory": tmp_path}
    held = make(freeze_until="conv1", **params).set_callbacks(HoldTheFirstEpoch())
    with ThreadPoolExecutor(1) as pool:
        ends = pool.submit(held.fit, *fashion)
        assert began.wait(60)
        make(freeze_until="conv2", **params).fit(*fashion)
        is_over.set()
        ends.result(60)


@pytest.mark.parametrize(
    ("change", "n_shared"),
    [({}, 2 + 2), ({"schedule": "cosine"}, 2)],  # fine-tuning is shared if it is resumable
    ids=str,
)
def test_a_phase_found_in_one_folder_reaches_the_other(
    make, fashion, tmp_path, change, n_shared, assert_same
):
    params = {"pretrain_classes": GTE5, "pretrain_epochs": 2, "epochs": 2, **change}
    straight = make(**params).fit(*fashion)
    memory, checkpoint = tmp_path / "memory", tmp_path / "checkpoint"
    for first in ({"memory": memory}, {"checkpoint": checkpoint}):
        make(**params, **first).fit(*fashion)
        both = make(**params, memory=memory, checkpoint=checkpoint).fit(*fashion)
        assert_same(both, straight)
        (other,) = {"memory": memory, "checkpoint": checkpoint}.items() - first.items()
        path, n_found = next(iter(first.values())), found(memory)
        clear_memory(path)
        assert_same(make(**params, **dict([other])).fit(*fashion), straight)
        if other[0] == "memory":
            assert found(memory) == n_found + n_shared
        clear_memory(other[1])


def test_only_epochs_that_memory_has_count_as_found(make, fashion, tmp_path):
    params = {"pretrain_classes": GTE5, "epochs": 2}
    memory, checkpoint = tmp_path / "memory", tmp_path / "checkpoint"
    make(**params, checkpoint=checkpoint).fit(*fashion)
    make(**params, memory=memory, checkpoint=checkpoint).fit(*fashion)
    report = memory_report(memory)
    assert [report[f"pretrainings_{each}"] for each in ("found", "computed")] == [0, 0]
    assert report["epochs_found"] == report["seconds_saved"] == 0


def test_a_longer_run_does_not_continue_without_a_state_of_the_optimizer(
    make, fashion, tmp_path, assert_same
):
    folders = {"memory": tmp_path / "memory", "checkpoint": tmp_path / "checkpoint"}
    make(epochs=2, checkpoint=folders["checkpoint"]).fit(*fashion)
    make(epochs=2, **folders).fit(*fashion)
    assert_same(make(epochs=3, **folders).fit(*fashion), make(epochs=3).fit(*fashion))
    assert found(folders["memory"]) == 0


def test_fine_tuning_that_is_quick_beside_its_size_is_not_kept(
    make, fashion, tmp_path, monkeypatch
):
    monkeypatch.setattr(skfashion._training.checkpoints, "SECONDS_PER_BYTE", 1)
    make(pretrain_classes=GTE5, memory=tmp_path).fit(*fashion)
    assert len([*tmp_path.rglob("entries/*.entry")]) == 1  # pretraining


def test_what_is_frozen_is_not_stored_again(make, fashion, tmp_path):
    make(freeze_until="dense", epochs=1, memory=tmp_path).fit(*fashion)
    (path,) = tmp_path.rglob("entries/*.entry")
    weights = {name for name in read_arrays(path, path.stem) if name.startswith("weight/")}
    assert weights == {"weight/output/kernel", "weight/output/bias"}


def test_damaged_runs_count_as_missing(make, fashion, tmp_path, assert_same):
    make(epochs=1, memory=tmp_path).fit(*fashion)
    make(epochs=2, memory=tmp_path).fit(*fashion)
    paths = [*tmp_path.rglob("entries/*.entry")]
    assert len(paths) == 2
    for path in paths:
        path.write_bytes(path.read_bytes()[:1000])
    clf = make(epochs=3, memory=tmp_path).fit(*fashion)
    assert_same(clf, make(epochs=3).fit(*fashion))
