"""Mutated files: a documented error that names the file, the right content, or nothing.

`kinds.py` says what is not allowed: another error, other content where there is a checksum, more
than 2 s of processor time, more than 500 MB, and anything written or run.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.kinds import KINDS, run

ROOT = Path(__file__).parent.parent.parent
# Files of HDF5 are tried in a child process, so a few of them are in the fast tests.
FAST = dict.fromkeys(KINDS, 25) | {"weights.h5": 3, "h5": 3, "keras": 10}
SLOW = dict.fromkeys(KINDS, 350) | {"safetensors": 600}


@pytest.mark.parametrize("name", KINDS)
def test_a_sample_of_mutated_files(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts, wrong = run(name, 1, FAST[name], tmp_path)
    assert wrong == []
    assert counts.total() > 0.8 * FAST[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_mutated_files(name, tmp_path):
    """A process for each kind, so that a crash is seen."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "tests.hostile.kinds",
            name,
            "0",
            str(SLOW[name]),
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    counts, wrong = json.loads(done.stdout.splitlines()[-1])
    print(name, counts)
    assert wrong == []
    assert sum(counts.values()) > 0.9 * SLOW[name]
    if KINDS[name].has_checksum:
        assert "different" not in counts
