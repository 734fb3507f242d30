"""Shared by the benchmarks of searches: a timed grid search, and a cluster on this machine."""

from time import perf_counter

from sklearn.model_selection import GridSearchCV


def timed_search(estimator, grid, cv, X, y, n_jobs=None):
    """Return the seconds of a grid search, and its results."""
    search = GridSearchCV(estimator, grid, cv=cv, refit=False, error_score="raise", n_jobs=n_jobs)
    begin = perf_counter()
    search.fit(X, y)
    return perf_counter() - begin, search.cv_results_


def start_cluster(n_workers):
    """Return a Dask cluster of workers with one thread, each in a process of this machine."""
    from distributed.deploy.subprocess import SubprocessCluster

    return SubprocessCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        host="127.0.0.1",
        scheduler_kwargs={"dashboard": False},
        worker_kwargs={"dashboard": False},
    )
