"""Folders of `memory` that are missing, removed, or not writable."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import BackboneFeatures
from tests.class_split import GTE5

TRANSFER = {"pretrain_classes": GTE5, "freeze_until": "features"}


def test_predict_does_not_make_a_folder_that_was_removed(make, fashion, tmp_path):
    X, folder = fashion[0], tmp_path / "made" / "memory"
    clf = make(**TRANSFER, memory=folder).fit(*fashion)
    features = BackboneFeatures(random_state=0, memory=folder).fit(X)
    expected = clf.predict_proba(X), features.transform(X)
    assert [*folder.rglob("rows/*/*")]
    folder.rename(tmp_path / "moved")
    for found, before in zip((clf.predict_proba(X), features.transform(X)), expected, strict=True):
        assert_array_equal(found, before)
    assert not folder.exists()
    clf.fit(*fashion)
    assert [*folder.rglob("rows/*/*")]


PROGRAM = """
    import os, sys, warnings
    import numpy as np
    from skfashion._cache.hashing import hash_rows
    from skfashion._cache.memory import open_store
    from skfashion._cache.row_table import RowTable
    import skfashion
    if os.geteuid() == 0:  # which may write anywhere
        os.setuid(65534)
    os.chdir("/")
    folder = sys.argv[1]
    try:
        store = open_store(folder, 10**6)
    except ValueError as error:
        sys.exit(str(error))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for key in "ab":
            store.log_usage(rows_found=1)
            assert not store.save(key, {"x": np.zeros(3)})
            table = RowTable(store, "a0", (10,), "float32")
            table.add(hash_rows(np.arange(50)), np.zeros((50, 10), "float32"), np.arange(50))
        assert not open_store(folder).save("c", {"x": np.zeros(3)})
    print(*[warning.message for warning in caught], sep="\\n")
"""


def run_as_nobody(folder):
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of files")
def test_a_folder_that_may_not_be_written_warns_once():
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        run = run_as_nobody(folder)
    assert run.returncode == 0, run.stderr
    assert run.stdout == (
        f"memory={folder!r} cannot be written to (Permission denied), so results are not "
        "shared; they are the same. Give a folder that you may write to, or None.\n"
    )


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of files")
def test_a_folder_in_one_that_may_not_be_searched_is_an_error(tmp_path):
    tmp_path.chmod(0o600)
    try:
        run = run_as_nobody(tmp_path / "memory")
    finally:
        tmp_path.chmod(0o700)
    assert run.returncode == 1
    assert f"memory={str(tmp_path / 'memory')!r} is not accessible" in run.stderr
    assert "Give a folder" in run.stderr


def test_a_full_disk_is_no_reason_to_warn(make, fashion, tmp_path, limit_files):
    limit_files(100)
    clf = make(**TRANSFER, memory=tmp_path).fit(*fashion)
    assert np.isfinite(clf.predict_proba(fashion[0])).all()
