"""The environment that TensorFlow has read, whatever changes later."""

import os

import pytest

from skfashion._keras.start_environment import read_environment
from skfashion._keras.tensorflow import START_ENVIRONMENTS
from tests.programs import run_program

PROGRAM = """
import os
{first_import}
os.environ["TF_AFTER_FIRST"] = "1"
import skfashion
os.environ["TF_AFTER_SKFASHION"] = "1"
from skfashion._keras.tensorflow import START_ENVIRONMENTS
os.environ["TF_AFTER_START"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from skfashion._cache.fingerprint import START_ENVIRONMENTS
print([name for name, _ in START_ENVIRONMENTS[0].variables if name.startswith("TF_AFTER_")])
print(START_ENVIRONMENTS[0].n_usable_cores)
"""


@pytest.mark.parametrize(
    "name", ["TF_NUM_INTRAOP_THREADS", "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"]
)
def test_settings_count(monkeypatch, name):
    before = read_environment()
    monkeypatch.setenv(name, "1")
    assert read_environment() != before


@pytest.mark.parametrize("name", ["TF_CPP_MIN_LOG_LEVEL", "TF2_BEHAVIOR", "SKFASHION_OTHER"])
def test_settings_that_change_no_computation_do_not_count(monkeypatch, name):
    before = read_environment()
    monkeypatch.setenv(name, "TF_1")
    assert read_environment() == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no choice of cores")
def test_usable_cores_count():
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(cores)])
    try:
        assert read_environment().n_usable_cores == 1
    finally:
        os.sched_setaffinity(0, cores)
    assert read_environment().n_usable_cores == len(cores)


@pytest.mark.parametrize(
    ("first_import", "seen"),
    [("", ["TF_AFTER_FIRST", "TF_AFTER_SKFASHION"]), ("import tensorflow", ["TF_AFTER_FIRST"])],
)
def test_what_changes_after_the_start_does_not_count(first_import, seen):
    done = run_program(PROGRAM.format(first_import=first_import))
    names, n_cores = done.stdout.splitlines()
    assert names == str(seen)
    assert int(n_cores) == START_ENVIRONMENTS[0].n_usable_cores
