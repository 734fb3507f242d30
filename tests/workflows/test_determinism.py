"""The same bits in 20 fresh processes: alone or two at a time, after other fits, in workers.

`docs/reproducibility.rst` says what is promised.
"""

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from tests.class_split import GTE5, first_of_each, halve
from tests.residual import RESIDUAL

ROOT = Path(__file__).parents[2]
FITS = {
    "class split": {
        "pretrain_classes": GTE5,
        "pretrain_epochs": 1,
        "augmentation": ["flip", "rotate"],
        "early_stopping": True,
    },
    "batch normalisation": {"backbone": RESIDUAL, "epochs": 4, "batch_size": 32},
    "small_resnet": {"backbone": "small_resnet", "epochs": 1, "schedule": "cosine"},
}
OTHER_FITS = [{"hidden_units": 10}, {"backbone": RESIDUAL, "freeze_until": "norm"}]


def fit(params):
    X, y = first_of_each(*load_fashion_sample(return_X_y=True), 10)
    clf = TransferClassifier(**{"epochs": 2, "random_state": 0, **params})
    return clf.fit(halve(X), y)


def hash_fit(name):
    """Return a hash of all weights of a fit."""
    hashed = hashlib.sha256()
    for path, array in sorted(fit(FITS[name])._fitted.weights.items()):
        hashed.update(path.encode() + np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()


def main(how):
    """Print the hash of each fit: "first" in the process, "after" others, or in "workers"."""
    if how == "workers":
        hashes = Parallel(n_jobs=2)([delayed(hash_fit)(name) for name in FITS])
    else:
        for params in OTHER_FITS * (how == "after"):
            fit(params)
        hashes = [hash_fit(name) for name in FITS]
    print(*hashes)


def hashes_in_a_process(how, n_threads):
    done = subprocess.run(
        [sys.executable, "-c", f"from tests.workflows.test_determinism import main; main({how!r})"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(n_threads)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# joblib gives each of its two workers a thread on a machine with two cores.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_threads", "runs"),
    [(1, ["first"] * 6 + ["after"] * 4 + ["workers"] * 2), (2, ["first"] * 4 + ["after"] * 4)],
)
def test_fresh_processes_have_the_same_bits(n_threads, runs):
    runs = [(how, n_threads) for how in runs]
    alone = hashes_in_a_process(*runs[0])
    # Others are under load.
    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(lambda run: hashes_in_a_process(*run), runs[1:])]
    assert len(alone.split()) == len(FITS)
    assert found == [alone] * len(found)
