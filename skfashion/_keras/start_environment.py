"""The environment that TensorFlow reads once, when it starts."""

import os
import sys
from typing import NamedTuple

# Environment variables that change how the libraries compute. Those that only change printed output
# are left out.
_SETTINGS = ("TF_", "ONEDNN_", "DNNL_", "XLA_", "NVIDIA_", "OMP_", "MKL_")
_SETTINGS_WITHOUT_EFFECT = ("TF_CPP_", "TF2_BEHAVIOR")


class StartEnvironment(NamedTuple):
    """Settings of a process that change bits, and that later changes do not affect."""

    variables: list[tuple[str, str]]
    n_usable_cores: int | None


def read_environment() -> StartEnvironment:
    """Return the settings that a start of TensorFlow would read now."""
    variables = sorted(
        item
        for item in os.environ.items()
        if item[0].startswith(_SETTINGS) and not item[0].startswith(_SETTINGS_WITHOUT_EFFECT)
    )
    return StartEnvironment(variables, _count_usable_cores())


def _count_usable_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


_AT_IMPORT = read_environment()
# A program that imports TensorFlow first has started it, or will, with settings of about this time.
_IS_STARTED = "tensorflow" in sys.modules


def environments_at_start(was_imported: bool) -> list[StartEnvironment]:
    """Return the settings that TensorFlow has read, in a call right after its start.

    They are two if another module imported TensorFlow in between, and the settings have changed.

    Parameters
    ----------
    was_imported : bool
        Whether another module had imported TensorFlow.
    """
    now = read_environment()
    if _IS_STARTED or now == _AT_IMPORT:
        return [_AT_IMPORT]
    return [_AT_IMPORT, now] if was_imported else [now]
