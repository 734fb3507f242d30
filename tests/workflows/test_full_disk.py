"""A disk without room: an error that says so, nothing half-written, and no signal."""

import gc
import os
import shutil
import subprocess
import tempfile
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from tests.class_split import GTE5
from tests.programs import run_program

SIZE = 2**20
SUFFIXES = ".weights.h5", ".safetensors"
PARAMS = {"pretrain_classes": GTE5, "pretrain_epochs": 1, "epochs": 2, "random_state": 0}


@contextmanager
def small_disk(folder):
    """Mount a disk of 1 MiB on a folder."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk, room):
    """Fill a disk with old files of weights, until this number of bytes is free."""
    gc.collect()  # files that are still mapped into memory take room
    (disk / "filling").unlink(missing_ok=True)
    shutil.rmtree(disk / "store", ignore_errors=True)
    for suffix in SUFFIXES:
        (disk / f"a{suffix}").write_bytes(b"old")
    status = os.statvfs(disk)
    (disk / "filling").write_bytes(bytes(status.f_bavail * status.f_frsize - room))


def save_on(disk, clf, suffix):
    """Save weights over an old file; return whether there was room for them."""
    path = disk / f"a{suffix}"
    names = sorted(disk.iterdir())
    error = None
    try:
        clf.save_backbone_weights(path)
    except OSError as caught:
        error = str(caught)
    assert sorted(disk.iterdir()) == names
    if error is None:
        TransferClassifier(weights=path, epochs=0, random_state=0).fit(*small_sample())
        return True
    assert f"path='{path}' could not be written: No space left on device" in error
    assert "Free disk space, or give another folder" in error
    assert path.read_bytes() == b"old"
    return False


def small_sample():
    X, y = load_fashion_sample(return_X_y=True)
    return X[:40, ::2, ::2], y[:40]


def fit_with(name, disk, X, y, expected):
    """Fit with a store for which there is no room."""
    store = {name: disk / "store"}
    if name == "memory":  # without a limit, nothing is written to a full disk
        store["memory_limit"] = "1G"
    error = None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "checkpoint=.* could not be saved there")
        try:
            clf = TransferClassifier(**PARAMS, **store).fit(X, y)
        except ValueError as caught:
            error = str(caught)
    if error is None:
        assert_array_equal(clf.predict_proba(X), expected)
    else:
        assert name == "checkpoint"
        assert "could not be written to this folder: [Errno 28] No space left" in error
    assert not [*disk.rglob("*.unfinished")]


def use_full_disk(disk, body, rooms):
    """Save, load and fit with different numbers of bytes left; return how many files had room."""
    X, y = small_sample()
    n_saved = 0
    clf = TransferClassifier(**PARAMS).fit(X, y)
    expected = clf.predict_proba(X)
    for room in rooms:
        fill(disk, room)
        n_saved += sum(save_on(disk, clf, suffix) for suffix in SUFFIXES)
        TransferClassifier(weights=body, epochs=0, random_state=0).fit(X, y)
        for name in ("memory", "checkpoint"):
            fill(disk, room)
            fit_with(name, disk, X, y, expected)
    return n_saved


def test_a_full_disk(body_path, tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        # A file of weights takes 75 kB.
        assert use_full_disk(disk, body_path, [20_000]) == 0


PROGRAM = """
import sys, tempfile
from pathlib import Path
from tests.workflows.test_full_disk import use_full_disk
disk, body, *rooms = sys.argv[1:]
tempfile.tempdir = disk
use_full_disk(Path(disk), body, map(int, rooms))
"""


@pytest.mark.slow
def test_a_disk_that_fills_up_at_any_point_ends_no_process(body_path, tmp_path):
    rooms = [0, 4096, 40_960, *np.random.default_rng(0).integers(0, 700_000, 20)]
    with small_disk(tmp_path / "disk") as disk:
        run_program(PROGRAM, disk, body_path, *rooms, options=["-W", "error"], timeout=1200)
