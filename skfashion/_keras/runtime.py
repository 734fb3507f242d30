"""Whether TensorFlow can compute in this process and in this place of the user's code."""

import os

from .tensorflow import STARTED_IN, tf


def check_runtime() -> None:
    """Check that TensorFlow's runtime is not that of a parent process, and no strategy is active.

    Raises
    ------
    RuntimeError
        In a process that was forked after TensorFlow started. The child lacks its threads, so a
        computation would wait for them for ever. Also in the scope of a `tf.distribute` strategy,
        which would make distributed variables that training cannot read.
    """
    if os.getpid() != STARTED_IN:
        raise RuntimeError(
            f"TensorFlow cannot compute in this process ({os.getpid()}), because it was forked "
            f"from one in which TensorFlow runs ({STARTED_IN}). Start processes by another method: "
            'multiprocessing.get_context("spawn") or ("forkserver"), or joblib\'s backend "loky".'
        )
    if tf.distribute.has_strategy():
        strategy = type(tf.distribute.get_strategy()).__name__
        raise RuntimeError(
            f"skfashion cannot compute in the scope of a tf.distribute strategy ({strategy}): it "
            "trains on one device. Call it outside the scope. To use several processes or "
            "machines, search with n_jobs or skfashion.distributed.search_on."
        )
