"""A fit with `checkpoint` that was interrupted, and run again, has the bits of one that was not."""

import logging
import pickle
import signal

import numpy as np
import pytest
from sklearn.callback import FitCallback
from sklearn.model_selection import GridSearchCV

from skfashion import Recipe, memory_report
from skfashion._cache.checked_arrays import read_arrays
from skfashion.model_selection import check_search
from tests.class_split import GTE5
from tests.programs import run_program
from tests.residual import RESIDUAL


class Killed(Exception):
    pass


class KillAfter(FitCallback):
    """Counts the epochs of a fit, and raises an error after one of them."""

    def __init__(self, n_epochs=None):
        self.n_epochs, self.count = n_epochs, 0

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.count += 1
            if self.count == self.n_epochs:
                raise Killed


def interrupt(clf, data, n_epochs):
    with pytest.raises(Killed):
        clf.set_callbacks(KillAfter(n_epochs)).fit(*data)


def fit_and_count(clf, data):
    """Fit; return the classifier and the number of epochs that ran."""
    counter = KillAfter()
    return clf.set_callbacks(counter).fit(*data), counter.count


TRANSFER = {"pretrain_classes": GTE5, "pretrain_epochs": 2, "epochs": 4}
EVERYTHING = {
    **TRANSFER,
    "recipe": Recipe(momentum=0.9, average=0.5, mixup=0.2, label_smoothing=0.1, weight_decay=1e-3),
    "optimizer": "sgd",
    "learning_rate": 0.05,
    "schedule": "cosine",
    "warmup": 0.2,
    "augmentation": ["flip", "rotate", "crop"],
    "early_stopping": True,
}
JUDGED = {
    "backbone": RESIDUAL,
    "body_until": None,
    "freeze_until": None,
    "epochs": "auto",
    "feature_dropout": 0.0,
    "recipe": Recipe(batch_norm="inference"),
}
VARIANTS = {
    "constant": TRANSFER,
    "stored features": {**TRANSFER, "freeze_until": "features", "augmentation": "flip"},
    "early stopping": {
        **TRANSFER,
        "early_stopping": True,
        "n_iter_no_change": 2,
        "learning_rate": 0.1,
        "epochs": 8,
    },
    "unfreezing": {
        **TRANSFER,
        "freeze_until": None,
        "head_epochs": 2,
        "epochs_per_stage": 2,
        "epochs": 6,
    },
    "everything": EVERYTHING,
    "everything, unfreezing": {
        **EVERYTHING,
        "learning_rate": 1.0,
        "freeze_until": None,
        "n_iter_no_change": 1,
        "head_epochs": 3,
        "epochs_per_stage": 3,
        "epochs": 8,
    },
    "batch statistics": {**TRANSFER, "backbone": RESIDUAL, "freeze_until": "norm"},
    "bfloat16": {**TRANSFER, "dtype": "mixed_bfloat16", "class_weight": "balanced"},
    "better than a probe": {**JUDGED, "learning_rate": 0.003},
    "no better than a probe": {**JUDGED, "learning_rate": 1.0},
}
# Epochs after which the first, the second and the third run are interrupted.
INTERRUPTIONS = dict.fromkeys(VARIANTS, (1, 2, 2)) | {"early stopping": (1, 2, 4)}


@pytest.fixture
def params_and_data(small, lt5, residual_path):
    """Return the parameters of a variant and its data: a probe is judged on more images."""

    def params_and_data(name):
        if "probe" not in name:
            return VARIANTS[name], small
        return {**VARIANTS[name], "weights": residual_path}, lt5

    return params_and_data


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.filterwarnings("ignore:epochs=.* is too few to unfreeze")
def test_it_has_the_bits_of_a_fit_without_interruptions(
    make, params_and_data, tmp_path, name, assert_same
):
    params, data = params_and_data(name)
    expected, n_epochs = fit_and_count(make(**params), data)
    for n_trained in INTERRUPTIONS[name]:
        interrupt(make(**params, checkpoint=tmp_path), data, n_trained)
    clf, n_trained = fit_and_count(make(**params, checkpoint=tmp_path), data)
    # Features of flipped images are worth storing for more epochs than those that remain.
    ignored = ("seconds", "features") if name == "stored features" else ("seconds",)
    assert_same(clf, expected, data[0], ignored)
    assert n_trained == n_epochs - sum(INTERRUPTIONS[name])
    if name == "early stopping":
        # It has seen one epoch without an improvement before the last interruption, and one after.
        assert (clf.n_iter_, np.argmin(clf.history_["val_loss"])) == (6, 3)
    elif name == "everything, unfreezing":
        assert clf.n_iter_ < params["epochs"]
    elif "probe" in name:
        assert clf.kept_probe_ is ("no better" in name)


PROGRAM = """
import os, pickle, signal, sys
from sklearn.callback import FitCallback

class Kill(FitCallback):
    count = 0
    def on_fit_task_end(self, estimator, context):
        self.count += context.task_name == "epoch"
        if self.count == 4:
            os.kill(os.getpid(), signal.SIGKILL)

clf, X, y = pickle.load(sys.stdin.buffer)
clf.set_callbacks(Kill()).fit(X, y)
"""


def test_a_process_that_is_killed(make, small, tmp_path, assert_same):
    clf = make(**EVERYTHING, checkpoint=tmp_path)
    run_program(PROGRAM, stdin=pickle.dumps((clf, *small)), returncode=-signal.SIGKILL)
    clf, n_trained = fit_and_count(clf, small)
    assert n_trained == 2
    assert_same(clf, make(**EVERYTHING).fit(*small), small[0])


# -- What is found, and what is not -------------------------------------------------------------


def entries(folder):
    return sorted(folder.rglob("entries/*.entry"))


def test_a_finished_fit_is_found_as_a_whole(make, small, tmp_path, assert_same):
    params = {**TRANSFER, "schedule": "cosine", "checkpoint": tmp_path}
    first = make(**params).fit(*small)
    again, n_trained = fit_and_count(make(**params), small)
    assert n_trained == 0
    assert_same(again, first, small[0])
    assert again.history_["seconds"] == first.history_["seconds"]
    # A file for each phase, which no longer holds what only training needs.
    assert len(entries(tmp_path)) == 2
    names = [name for path in entries(tmp_path) for name in read_arrays(path, path.stem)]
    assert names
    assert not [name for name in names if "optim" in name]


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 3},
        {"learning_rate": 0.01},
        {"random_state": 1},
        {"freeze_until": None, "head_epochs": 1},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:epochs=.* is too few to unfreeze")
def test_another_fit_starts_anew(make, small, tmp_path, change, assert_same):
    interrupt(make(epochs=4, checkpoint=tmp_path), small, 2)
    params = {"epochs": 4, **change}
    clf, n_trained = fit_and_count(make(**params, checkpoint=tmp_path), small)
    assert n_trained == params["epochs"]
    assert_same(clf, make(**params).fit(*small), small[0])


def test_other_data_start_anew(make, small, tmp_path):
    X, y = small
    clf = make(epochs=2, checkpoint=tmp_path).fit(X, y)
    weights = np.linspace(1, 2, len(y))
    for data in ((X[::-1], y[::-1]), (255 - X, y), (X, y, weights)):
        assert fit_and_count(clf, data)[1] == 2
    assert fit_and_count(clf, small)[1] == 0


def test_a_checkpoint_changes_no_key_of_memory(make, small, tmp_path, assert_same):
    params = {**TRANSFER, "memory": tmp_path / "memory"}
    expected = make(**params).fit(*small)
    clf = make(**params, checkpoint=tmp_path / "checkpoint").fit(*small)
    assert_same(clf, expected, small[0])
    assert memory_report(params["memory"])["pretrainings_found"] == 1


@pytest.mark.parametrize("damage", ["half", "a bit", "another entry", "no archive"])
def test_a_file_that_is_damaged_or_of_another_fit_counts_as_missing(
    make, small, tmp_path, damage, assert_same
):
    params = {"epochs": 3, "checkpoint": tmp_path}
    make(**params, random_state=1).fit(*small)
    (other,) = entries(tmp_path)
    content = other.read_bytes()
    other.unlink()
    interrupt(make(**params), small, 2)
    (path,) = entries(tmp_path)
    if damage != "another entry":
        content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "half": content[:middle],
            "a bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "another entry": content,
            "no archive": b"no archive",
        }[damage]
    )
    clf, n_trained = fit_and_count(make(**params), small)
    assert n_trained == 3
    assert_same(clf, make(epochs=3).fit(*small), small[0])


# -- Other calls, callbacks, the log ------------------------------------------------------------


def test_a_further_fit_resumes_too(make, small, tmp_path, assert_same):
    def fit_twice(checkpoint=None):
        clf = make(epochs=2, warm_start=True, schedule="cosine", checkpoint=checkpoint).fit(*small)
        return clf.set_params(epochs=3)

    expected = fit_twice().fit(*small)
    interrupt(fit_twice(tmp_path), small, 2)
    clf, n_trained = fit_and_count(fit_twice(tmp_path), small)
    assert n_trained == 1
    assert_same(clf, expected, small[0])


def test_partial_fit_saves_nothing(make, small, tmp_path):
    clf = make(checkpoint=tmp_path, random_state=None).partial_fit(*small, classes=range(10))
    clf.partial_fit(*small)
    assert entries(tmp_path) == []


def test_a_phase_that_a_callback_ends_runs_as_a_whole_again(make, small, tmp_path):
    class StopAfterTwo(KillAfter):
        def on_fit_task_end(self, estimator, context):
            super().on_fit_task_end(estimator, context)
            return context.task_name == "epoch" and context.task_id == 1

    for _ in range(2):
        callback = StopAfterTwo()
        clf = make(epochs=4, checkpoint=tmp_path).set_callbacks(callback).fit(*small)
        assert callback.count == clf.n_iter_ == 2
    assert fit_and_count(make(epochs=4, checkpoint=tmp_path), small)[1] == 4


def test_epochs_keep_their_numbers(make, small, tmp_path, caplog):
    interrupt(make(epochs=3, checkpoint=tmp_path), small, 2)
    with caplog.at_level(logging.INFO, "skfashion"):
        make(epochs=3, checkpoint=tmp_path, verbose=1).fit(*small)
    (message,) = caplog.messages
    assert message.startswith("fine-tune epoch 3/3")


# -- Folders and parameters ---------------------------------------------------------------------


def test_random_numbers_have_to_be_known(make, small, tmp_path):
    clf = make(checkpoint=tmp_path, random_state=None)
    with pytest.raises(ValueError, match=r"random_state=None draws others.*Set random_state"):
        clf.fit(*small)
    with pytest.raises(ValueError, match=r"(?s)1 of 1 candidates.*random_state=None"):
        check_search(GridSearchCV(clf, {"epochs": [1]}))
    for seed in range(2):
        clf = make(checkpoint=tmp_path, random_state=np.random.RandomState(seed // 2))
        _, n_trained = fit_and_count(clf, small)
        assert n_trained == (2, 0)[seed]


def test_a_folder_that_cannot_be_written_to(make, small, tmp_path):
    (tmp_path / "skfashion").write_text("in the way")
    with pytest.raises(
        ValueError, match=r"checkpoint=.* could not be written.*give another folder"
    ):
        fit_and_count(make(checkpoint=tmp_path), small)


def test_too_little_room(make, small, tmp_path, limit_files, assert_same):
    expected = make().fit(*small)
    n_bytes = 4 * expected.n_trainable_params_
    limit_files(n_bytes - 1)
    size = f"{n_bytes / 1e6:.1f} MB"
    message = rf"checkpoint=.*file of {size} could not be written.*File too large.*Free disk space"
    with pytest.raises(ValueError, match=message):
        make(checkpoint=tmp_path).fit(*small)
    limit_files(2 * n_bytes)  # enough for weights, not for the moments of Adam
    message = rf"room for {3 * n_bytes / 1e6:.1f} MB, but epoch 1 of fine-tune could not be saved"
    with pytest.warns(UserWarning, match=message) as record:
        clf = make(epochs=3, checkpoint=tmp_path).fit(*small)
    assert [warning.filename for warning in record] == [__file__]
    assert_same(clf, make(epochs=3).fit(*small), small[0])
    assert len(entries(tmp_path)) == 1
