"""Ctrl-C at random moments of all steps of fits, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A window takes half a second, and a first batch longer: TensorFlow traces and optimises it.
MOST_FITS_OF_A_BATCH = 2.0


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["small_cnn", "photographs", "probe_on_frozen_features"])
def test_it_ends_soon_and_leaves_nothing_behind(scenario):
    done = subprocess.run(
        [sys.executable, "-m", "tests.workflows.interrupt_fits", scenario],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) < MOST_FITS_OF_A_BATCH
