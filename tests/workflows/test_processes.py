"""Other processes compute the same bits: from pickles, from seeds, in searches, at once.

The tests are in one file because they share processes: each one imports TensorFlow, which takes
seconds. joblib keeps its two workers from one test to the next.
"""

import os
import pickle
import time

import keras
import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV

from skfashion import TransferClassifier, memory_report, register_backbone
from skfashion._backbones import registry as _backbones
from skfashion.datasets import load_fashion_sample
from skfashion.model_selection import ClassSplitCV
from tests.class_split import GTE5, first_of_each, halve
from tests.programs import run_program
from tests.residual import RESIDUAL

# -- A fresh process ----------------------------------------------------------------------------

PROGRAM = """
import pickle, sys
fitted, unfitted, X, y = pickle.load(sys.stdin.buffer)
results = {"fitted there": unfitted.fit(X, y).predict_proba(X)}
print("fitted", file=sys.stderr)
# Keras numbers names of layers, so the next ones are not those of the process that fitted.
import keras
keras.Sequential([keras.layers.Dense(3), keras.layers.Dropout(.1)])
results |= {name: clf.predict_proba(X) for name, clf in fitted.items()}
sys.stdout.buffer.write(pickle.dumps(results))
"""


@pytest.fixture(scope="module")
def here_and_there(make, fashion):
    """Probabilities of several classifiers in this process, and in a fresh one."""
    X, y = fashion
    # A size that no other test has, so that the network is built in the scope.
    with keras.name_scope("mine"):
        in_a_scope = make(hidden_units=21, epochs=1).fit(X, y)
    fitted = {
        "user's backbone": make(backbone=RESIDUAL, epochs=1).fit(X, y),
        "fitted in a scope": in_a_scope,
    }
    unfitted = make(
        pretrain_classes=GTE5,
        augmentation=["flip", "rotate", "erase"],
        early_stopping=True,
        batch_size=32,
    )
    done = run_program(PROGRAM, stdin=pickle.dumps((fitted, unfitted, X, y)))
    assert done.stderr.startswith(b"fitted")  # nothing before it
    here = {**fitted, "fitted there": unfitted.fit(X, y)}
    return {name: clf.predict_proba(X) for name, clf in here.items()}, pickle.loads(done.stdout)


@pytest.mark.parametrize("name", ["user's backbone", "fitted in a scope", "fitted there"])
def test_a_fresh_process_has_the_same_bits(here_and_there, name):
    here, there = here_and_there
    assert_array_equal(here[name], there[name])


# -- Two workers of joblib's --------------------------------------------------------------------


def assert_two_processes_score_alike(search, X, y):
    alone = search.fit(X, y).cv_results_
    parallel = search.set_params(n_jobs=2).fit(X, y).cv_results_
    for fold in ("split0_test_score", "split1_test_score"):
        assert_array_equal(parallel[fold], alone[fold])


def test_a_grid_search_on_a_class_split(make, fashion):
    search = GridSearchCV(
        make(pretrain_classes=GTE5),
        {"freeze_until": ["conv1", "features"]},
        cv=ClassSplitCV(2, pretrain_classes=GTE5),
        error_score="raise",
    )
    assert_two_processes_score_alike(search, *fashion)


def test_a_grid_search_over_starts_of_the_head_and_ends_of_the_body(make, fashion, residual_path):
    search = GridSearchCV(
        make(backbone=RESIDUAL, weights=residual_path, freeze_until="features", epochs="auto"),
        {"head_init": ["auto", "random"], "body_until": ["auto", "norm"]},
        cv=2,
        error_score="raise",
    )
    assert_two_processes_score_alike(search, *fashion)


def test_a_grid_search_resumes_what_its_workers_finished(make, fashion, tmp_path):
    def search(checkpoint):
        return GridSearchCV(
            make(schedule="cosine", checkpoint=checkpoint),
            {"learning_rate": [0.001, 0.01]},
            cv=2,
            error_score="raise",
            n_jobs=2,
        ).fit(*fashion)

    plain, first = search(None), search(tmp_path)
    entries = {path: path.stat().st_ino for path in tmp_path.rglob("entries/*.entry")}
    assert len(entries) == 2 * 2 + 1
    again = search(tmp_path)
    # A file that is written again is another one.
    assert {path: path.stat().st_ino for path in tmp_path.rglob("entries/*.entry")} == entries
    for result in first, again:
        assert_array_equal(
            result.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
        )
    assert again.best_estimator_.history_ == first.best_estimator_.history_


def test_a_grid_search_in_workers_of_one_thread(make, fashion):
    """The scores are those of a search that is in one such worker as a whole."""
    search = GridSearchCV(
        make(pretrain_classes=GTE5, epochs=1),
        {"freeze_until": [None, "conv1", "features"]},
        cv=ClassSplitCV(2, pretrain_classes=GTE5),
        error_score="raise",
    )
    with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        (alone,) = Parallel()([delayed(search.fit)(*fashion)])
        parallel = search.fit(*fashion)
    for fold in ("split0_test_score", "split1_test_score"):
        assert_array_equal(parallel.cv_results_[fold], alone.cv_results_[fold])


def test_a_search_over_registered_backbones(make, lt5, monkeypatch):
    monkeypatch.setattr(_backbones, "_BACKBONES", dict(_backbones._BACKBONES))
    register_backbone(RESIDUAL)
    grid = {"backbone": ["small_cnn", RESIDUAL.name], "freeze_until": [0, 1]}
    search = GridSearchCV(make(epochs=1), grid, cv=2, error_score="raise")
    assert_two_processes_score_alike(search, *lt5)


def fit_at_once(memory, started):
    """Fit once two processes have come here; return this one's number and probabilities."""
    (started / str(os.getpid())).touch()
    deadline = time.monotonic() + 100
    while len([*started.iterdir()]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    X, y = first_of_each(*load_fashion_sample(return_X_y=True), 20)
    X = halve(X)
    clf = TransferClassifier(
        pretrain_classes=GTE5, pretrain_epochs=1, epochs=1, random_state=0, memory=memory
    )
    return os.getpid(), clf.fit(X, y).predict_proba(X)


def test_two_fits_at_once_share_a_folder(make, fashion, tmp_path):
    memory, started = tmp_path / "memory", tmp_path / "started"
    started.mkdir()
    fit = delayed(fit_at_once)
    (one, *results), (other, probabilities) = Parallel(n_jobs=2)([fit(memory, started)] * 2)
    assert len({one, other, os.getpid()}) == 3
    assert np.ptp(probabilities) > 0
    report = memory_report(memory)
    assert report["pretrainings_computed"] == report["pretrainings_found"] == 1
    assert report["rows_computed"] == len(fashion[0])
    # One of the same workers: joblib sets variables for them that are in the keys of a memory.
    ((_, third),) = Parallel(n_jobs=2)([fit(memory, started)])
    assert memory_report(memory)["pretrainings_found"] == 2
    here = make(pretrain_classes=GTE5, epochs=1).fit(*fashion).predict_proba(fashion[0])
    for expected in (*results, third):
        assert_array_equal(probabilities, expected)
    # Without pytest-xdist this process has more threads than a worker.
    equal_settings = os.environ.get("OMP_NUM_THREADS") == "1"
    assert_allclose(here, probabilities, rtol=0 if equal_settings else 1e-5)


# The last of this file: joblib ends its workers after an error.
def test_a_meta_estimator_is_still_refused(fashion):
    X, y = fashion
    meta = BaggingClassifier(TransferClassifier(pretrain_classes=GTE5), 2, n_jobs=2)
    with pytest.raises(ValueError, match="pass weights=path"):
        meta.fit(X.reshape(len(X), -1), y)
