"""Searches on a Dask cluster, through joblib, that outlive their workers."""

from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from uuid import uuid4
from weakref import WeakSet

from joblib import parallel_config

__all__ = ["NoWorkersError", "search_on"]

_SECONDS_BETWEEN_LOOKS = 1.0
_NO_LIMIT = 2**62


class NoWorkersError(RuntimeError):
    """A cluster has had no workers for too long, and nothing will come of what it was given."""


@contextmanager
def search_on(client=None, *, timeout=30):
    """Run scikit-learn's parallel work on a Dask cluster, whatever becomes of its workers.

    As ``parallel_config(backend="dask")``, for anything that takes `n_jobs`: searches,
    `cross_validate`, `learning_curve`. With joblib's own context, a worker that dies takes the
    images along, and the whole search with them. Here the scheduler keeps them, once, until the
    search is done: workers that come later get them again, and candidates that were lost are
    fitted again.

    Parameters
    ----------
    client : distributed.Client, optional
        The cluster's client. By default the one that was made last.
    timeout : float, default=30
        Seconds without a single worker after which the search ends with an error. Workers that
        are restarted, or that an adaptive cluster asks for, need some.

    Yields
    ------
    distributed.Client
        The client.

    Raises
    ------
    ImportError
        If Dask is not installed.
    ValueError
        If there is no client.
    NoWorkersError
        If the cluster, or its scheduler, is gone.

    See Also
    --------
    joblib.parallel_config : Chooses any backend of joblib's.

    Notes
    -----
    `n_jobs` has no say: as many fits run at a time as the workers have threads. A candidate on
    which four workers die in turn ends the search with `distributed.KilledWorker`, after Dask's
    setting ``distributed.scheduler.allowed-failures``.

    Examples
    --------
    >>> from dask.distributed import Client, LocalCluster  # doctest: +SKIP
    >>> from skfashion.distributed import search_on
    >>> with LocalCluster(n_workers=2, threads_per_worker=1) as cluster:  # doctest: +SKIP
    ...     with Client(cluster) as client, search_on(client):
    ...         search.fit(X, y)
    """
    client = _Recomputing(_client_or_latest(client))
    watch = _Watch(client, timeout)
    try:
        with watch, parallel_config(backend="dask", client=client):
            yield client.wrapped
    except Exception as error:
        if watch.has_lost_all:
            raise NoWorkersError(
                f"The cluster at {client.wrapped.scheduler.address} has had no workers for "
                f"timeout={timeout} seconds, and the search was given up. Start workers and fit "
                "again, or raise timeout if they take longer to come; the workers' logs say why "
                "they went."
            ) from error
        raise


def _client_or_latest(client):
    try:
        from distributed import get_client
    except ImportError as error:
        raise ImportError(
            "search_on runs on a Dask cluster, but Dask is not installed: "
            'run `pip install "skfashion[dask]"`.'
        ) from error
    if client is not None:
        return client
    try:
        return get_client()
    except ValueError:
        raise ValueError(
            "search_on(client=None) takes the Dask client that was made last, and there is none. "
            'Make one, such as Client("scheduler-address:8786") from dask.distributed.'
        ) from None


class _Recomputing:
    """A client of which joblib's backend gets what can be recomputed.

    Scattered data lives on workers only, and dies with them; the result of a task is computed
    again. So what joblib scatters becomes the result of a task that was given it.

    Parameters
    ----------
    wrapped : distributed.Client
        Does all the rest.
    """

    def __init__(self, wrapped):
        self.wrapped = wrapped
        self.pending: WeakSet = WeakSet()

    def __getattr__(self, name):
        return getattr(self.wrapped, name)

    def submit(self, *args, **kwargs):
        """Submit a task, and remember it."""
        future = self.wrapped.submit(*args, **kwargs)
        self.pending.add(future)
        return future

    async def scatter(self, data, **_):
        """Return the future of a task that gives the data back."""
        import dask

        # Each piece of data goes once, so Dask's advice to send futures instead is met already.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": _NO_LIMIT}):
            return self.submit(_give, data, key=f"{type(data).__name__}-{uuid4().hex}")


def _give(data):
    return data


class _Watch:
    """Cancels what is pending once there have been no workers for a while.

    Dask would wait for ever. Its own limit is a setting of the scheduler, for all its clients.
    """

    def __init__(self, client: _Recomputing, timeout: float):
        self.has_lost_all = False
        self._client, self._timeout = client, timeout
        self._done = Event()
        self._thread = Thread(target=self._look, name="skfashion-watch", daemon=True)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _look(self):
        last_seen = monotonic()
        while not self._done.wait(_SECONDS_BETWEEN_LOOKS):
            if self._sees_workers():
                last_seen = monotonic()
            elif monotonic() - last_seen > self._timeout:
                self.has_lost_all = True
                self._client.wrapped.cancel(list(self._client.pending))

    def _sees_workers(self):
        try:
            return bool(self._client.wrapped.ncores())
        except (OSError, TimeoutError):
            return False
