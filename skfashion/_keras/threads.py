"""How many threads TensorFlow takes in a process that is given a share of its machine."""

import os
import sys
from contextlib import suppress

# As it was when skfashion was imported: Dask's LocalCluster sets its workers' share in the process
# that starts them, too, which is not a worker.
_SHARE = os.environ.get("OMP_NUM_THREADS", "")


def limit_threads(threading):
    """Make TensorFlow take no more threads than OMP_NUM_THREADS says.

    joblib, Dask, Ray and Spark set it to a worker's share of the machine; TensorFlow reads
    variables of its own only, and would take all cores in each worker. What the user has told
    TensorFlow itself stands, as does a runtime that runs already.
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
            threading.set_inter_op_parallelism_threads(inter or max(int(share), _slots()))


def _slots():
    """Return how many tasks may run in this process at a time, if it is a worker of Dask's."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return 1
    try:
        return distributed.get_worker().state.nthreads
    except ValueError:
        return 1
