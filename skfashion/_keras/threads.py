"""Threads: TensorFlow's number, in a process with a share of its machine, and our threads."""

import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Lock
from typing import Any

_END = object()

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


def count_threads(threading) -> int:
    """Return the number of threads that share an operation of TensorFlow."""
    return threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1


def call_in_threads(function: Callable[[Any], None], items: Iterable, n_threads: int) -> None:
    """Call a function with each item, in several threads.

    After an error, in the function or where items come from, no further item is read.

    Parameters
    ----------
    function : callable
        Function to call.
    items : iterable
        The items. One thread at a time reads from it.
    n_threads : int
        Number of threads.
    """
    iterator, lock, is_over = iter(items), Lock(), Event()

    def work():
        try:
            while not is_over.is_set():
                with lock:
                    item = next(iterator, _END)
                if item is _END:
                    break
                function(item)
        finally:
            is_over.set()

    if n_threads <= 1:
        work()
        return
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for future in [pool.submit(work) for _ in range(n_threads)]:
                future.result()
        finally:
            is_over.set()
