"""The memory of a process stays flat, whatever a search varies."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "memory_growth.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "n_fits", "n_skipped", "bound"),
    [
        ("the same fit", 100, 20, 0.5),
        ("widths", 60, 20, 0.5),
        ("rates of dropout", 60, 20, 0.1),
        ("rates of feature dropout", 60, 20, 0.1),
        # TensorFlow keeps what it has compiled for a new batch size, so all are met before.
        ("batch sizes", 120, 60, 0.5),
        ("1,000 predictions", 60, 20, 2),
    ],
)
def test_memory_stays_flat(kind, n_fits, n_skipped, bound):
    options = {"--kind": kind, "--fits": n_fits, "--skip": n_skipped}
    arguments = [str(each) for option in options.items() for each in option]
    command = [sys.executable, SCRIPT, *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900).stdout
    assert float(output) < bound  # MB a fit, or for 1,000 predictions
