"""What changes the bits of a computation besides its inputs: libraries, threads, processor."""

import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

from . import __version__
from ._tensorflow import keras, tf


@cache
def environment() -> tuple:
    """Return versions, the number of threads and the kind of processor of this process."""
    threads = tf.config.threading.get_intra_op_parallelism_threads() or _usable_cores()
    return (
        ("skfashion", __version__),
        ("keras", keras.__version__),
        ("tensorflow", version("tensorflow")),
        ("numpy", version("numpy")),
        ("threads", threads),
        ("oneDNN", os.environ.get("TF_ENABLE_ONEDNN_OPTS")),
        ("devices", tuple(device.device_type for device in tf.config.list_physical_devices())),
        ("processor", platform.machine(), *_processor()),
    )


def _usable_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor():
    """Return the model and the instruction set of the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return (platform.processor(),)
    return tuple(sorted({line for line in lines if line.startswith(("model name", "flags"))}))
