"""The environment that determines bits of a computation: code, libraries, processor."""

import platform
from functools import cache
from pathlib import Path

import numpy as np

from .._keras.tensorflow import START_ENVIRONMENTS, is_op_determinism_enabled, keras, tf
from .hashing import digest
from .source_code import RUNNING_CODE

# Beginnings of the lines of /proc/cpuinfo with the instruction set.
_PROCESSOR_LINES = ("model name", "flags", "cache size", "Features", "CPU ")


def environment_fingerprint() -> str:
    """Return a hash of all that determines bits, except the inputs."""
    return digest(
        process_fingerprint(),
        # The files of the code and these settings may change while a process runs.
        RUNNING_CODE.hash(),
        tf.config.optimizer.get_jit(),
        sorted(tf.config.optimizer.get_experimental_options().items()),
        [(device.device_type, device.name) for device in tf.config.get_visible_devices()],
        tf.config.experimental.tensor_float_32_execution_enabled(),
        # TensorFlow has no public name for it.
        is_op_determinism_enabled(),
    )


@cache
def process_fingerprint() -> str:
    """Return a hash of this process's libraries, their settings, threads and processor."""
    return digest(
        keras.__version__,
        tf.version.VERSION,
        tf.version.GIT_VERSION,
        # It has the versions of CUDA and cuDNN that TensorFlow was built with.
        sorted(tf.sysconfig.get_build_info().items()),
        np.__version__,
        tf.config.threading.get_intra_op_parallelism_threads(),
        START_ENVIRONMENTS,
        [
            (device.device_type, sorted(tf.config.experimental.get_device_details(device).items()))
            for device in tf.config.list_physical_devices()
        ],
        platform.machine(),
        *_describe_processor(),
    )


def _describe_processor():
    """Return the model and the instruction set of the processor, if the system has them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return [platform.processor()]
    return sorted({line for line in lines if line.startswith(_PROCESSOR_LINES)})
