"""The way from `fit` to a gradient step stays short, and docs/design.rst shows it as it is."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    """The module benchmarks/call_chain.py."""
    spec = importlib.util.spec_from_file_location(
        "call_chain", ROOT / "benchmarks" / "call_chain.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def counted(script, frames):
    return [(function, file) for file, function in frames if function not in script.HAND_OVER]


def documented():
    """Return (function, file) of the numbered lines in docs/design.rst."""
    lines = re.findall(
        r"^ +\d  (?:\w+\.)?(\w+) +(\S+\.py)", (ROOT / "docs" / "design.rst").read_text(), re.M
    )
    assert lines
    return lines


def test_eight_functions_as_documented(script):
    frames = counted(script, script.call_chain(hidden_units=31))
    assert len(frames) == 8
    assert frames == documented()


def test_memory_adds_one(script, tmp_path):
    frames = counted(script, script.call_chain(hidden_units=33, memory=tmp_path))
    added = ("restore_or_train", "_training/checkpoints.py")
    assert frames == [*documented()[:4], added, *documented()[4:]]
