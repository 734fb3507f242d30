"""Clusters on this machine, and an estimator that takes time and does nothing."""

import sys
from contextlib import contextmanager
from pathlib import Path

from sklearn.base import BaseEstimator

from skfashion.distributed import search_on

ROOT = Path(__file__).parents[2]


class Slow(BaseEstimator):
    """Takes a quarter of a second, and does nothing."""

    def __init__(self, number=0):
        self.number = number

    def fit(self, X, y):
        from time import sleep

        sleep(0.25)
        return self

    def score(self, X, y):
        return float(X.mean())


def start_cluster(n_workers):
    import distributed

    return distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=":0",
        silence_logs=50,
    )


@contextmanager
def search_on_one_thread():
    """Yield a cluster of one thread in this process, and the stream of its tasks."""
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        distributed.get_task_stream(client) as stream,
        search_on(client),
    ):
        yield cluster, stream


def find_tests(client):
    """Let scheduler and workers import the modules of tests."""
    folder = str(ROOT)

    def find():
        sys.path.insert(0, folder)

    client.run(find)
    client.run_on_scheduler(find)
