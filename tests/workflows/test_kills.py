"""Processes are killed while they write files: what was there stays whole, fits keep their bits.

Together these are 100 kills by SIGKILL, each at a random moment while a file is being written.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from skfashion._cache.store import Store
from skfashion.datasets import load_fashion_sample
from tests.class_split import GTE5, first_of_each, halve

ROOT = Path(__file__).parents[2]
KILLS_OF_EACH_WRITER = 14  # there are six
KILLS_OF_FITS = 16
PROGRAM = """
import sys
from itertools import count
from tests.workflows.test_kills import PARAMS, load_data
from skfashion import TransferClassifier

for seed in count(int(sys.argv[2])):
    TransferClassifier(
        **PARAMS, random_state=seed, memory=sys.argv[1], checkpoint=sys.argv[1]
    ).fit(*load_data())
"""
PARAMS = {
    "pretrain_classes": GTE5,
    "pretrain_epochs": 2,
    "epochs": 3,
    "freeze_until": "features",
    "schedule": "cosine",
}


def load_data():
    X, y = first_of_each(*load_fashion_sample(return_X_y=True), 4)
    return halve(X), y


@pytest.mark.slow
def test_writers_of_entries_features_weights_and_downloads(tmp_path):
    program = [sys.executable, "-m", "tests.workflows.kill_writers"]
    done = subprocess.run(
        [*program, tmp_path, str(KILLS_OF_EACH_WRITER)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # Keras prints its downloads, too.
    assert done.stdout.count(f"survived {KILLS_OF_EACH_WRITER} kills") == 6


def wait_for_a_write(folder, writer, n_writes):
    """Return when a number of files were seen while they were written."""
    seen, latest = set(folder.rglob("*.unfinished")), time.monotonic() + 300
    n_before = len(seen)
    while len(seen) < n_before + n_writes:
        seen |= set(folder.rglob("*.unfinished"))
        assert writer.poll() is None
        assert time.monotonic() < latest
        time.sleep(0.0005)


def read_entries(folder):
    """Return the number of entries of a store, each of which must match its checksum."""
    store = Store(folder)
    paths = list(store.folder.rglob("*.entry"))
    assert all(store.load(path.stem) for path in paths)
    return len(paths)


@pytest.mark.slow
def test_fits_with_memory_and_checkpoint(make, tmp_path):
    for number in range(KILLS_OF_FITS):
        seed = number // 4
        program = [sys.executable, "-c", PROGRAM, tmp_path, str(seed)]
        with subprocess.Popen(program, cwd=ROOT) as writer:
            wait_for_a_write(tmp_path, writer, random.randint(1, 9))
            writer.kill()
        assert writer.returncode == -signal.SIGKILL
        # The first kill may come before any entry is whole.
        n_entries = read_entries(tmp_path)
    assert n_entries
    X, y = load_data()
    for seed in range(KILLS_OF_FITS // 4):
        params = {**PARAMS, "random_state": seed}
        clf = make(**params, memory=tmp_path, checkpoint=tmp_path).fit(X, y)
        expected = make(**params).fit(X, y)
        assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
        assert clf.history_["loss"] == expected.history_["loss"]
        assert clf.pretrain_history_["loss"] == expected.pretrain_history_["loss"]
