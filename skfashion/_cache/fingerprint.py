"""What changes the bits of a computation besides its inputs: code, libraries, processor."""

import os
import platform
from functools import cache
from pathlib import Path

import numpy as np

from .._keras.tensorflow import keras, tf
from .store import digest

_SWITCHES = ("TF_", "ONEDNN_", "DNNL_", "XLA_", "NVIDIA_", "OMP_", "MKL_")
_WITHOUT_EFFECT = ("TF_CPP_", "TF2_BEHAVIOR")
_OF_THE_PROCESSOR = ("model name", "flags", "cache size", "Features", "CPU ")


@cache
def environment_fingerprint() -> str:
    """Return a hash of this process's code, libraries, their settings, threads and processor."""
    return digest(
        _own_code(),
        keras.__version__,
        tf.version.VERSION,
        tf.version.GIT_VERSION,
        np.__version__,
        tf.config.threading.get_intra_op_parallelism_threads(),
        _usable_cores(),
        tf.config.optimizer.get_jit(),
        sorted(tf.config.optimizer.get_experimental_options().items()),
        sorted(
            item
            for item in os.environ.items()
            if item[0].startswith(_SWITCHES) and not item[0].startswith(_WITHOUT_EFFECT)
        ),
        [
            (device.device_type, sorted(tf.config.experimental.get_device_details(device).items()))
            for device in tf.config.list_physical_devices()
        ],
        platform.machine(),
        *_processor(),
    )


def _own_code():
    """Hash all modules of the library: a version number may stay while they change."""
    package = Path(__file__).parent.parent
    return digest(*(path.read_bytes() for path in sorted(package.rglob("*.py"))))


def _usable_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor():
    """Return the model and the instruction set of the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return [platform.processor()]
    return sorted({line for line in lines if line.startswith(_OF_THE_PROCESSOR)})
