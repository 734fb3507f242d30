"""The number of TensorFlow's threads in a process that gets a share of its machine."""

import os
import sys
from contextlib import suppress

# The value when skfashion is imported. Dask's LocalCluster later sets its workers' share in the
# process that starts them, which is not a worker.
_SHARE = os.environ.get("OMP_NUM_THREADS", "")


def limit_threads(threading):
    """Limit TensorFlow's threads to the value of OMP_NUM_THREADS.

    joblib, Dask, Ray and Spark set this variable to a worker's share of the machine. TensorFlow
    reads other variables, and would take all cores in each worker. Settings that the user made in
    TensorFlow take precedence. A runtime that has started cannot be changed.
    """
    share = _SHARE.split(",")[0].strip()
    if not share.isdecimal() or int(share) == 0:
        return
    with suppress(RuntimeError):
        if "TF_NUM_INTRAOP_THREADS" not in os.environ:
            intra = threading.get_intra_op_parallelism_threads()
            threading.set_intra_op_parallelism_threads(intra or int(share))
        if "TF_NUM_INTEROP_THREADS" not in os.environ:
            inter = threading.get_inter_op_parallelism_threads()
            threading.set_inter_op_parallelism_threads(
                inter or max(int(share), _count_task_slots())
            )


def _count_task_slots():
    """Return how many tasks a Dask worker runs at a time; 1 in a process that is none."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return 1
    try:
        return distributed.get_worker().state.nthreads
    except ValueError:
        return 1
