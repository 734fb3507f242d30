"""Searches on a Dask cluster, through joblib, that outlive their workers."""

from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from uuid import uuid4
from weakref import WeakSet

from joblib import parallel_config

# joblib registers its backends by name only, and this one has to be amended.
from joblib._dask import DaskDistributedBackend

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
    client = _client_or_latest(client)
    backend = _Backend(client=_ResilientClient(client))
    with _Watchdog(backend, client, timeout), parallel_config(backend=backend):
        yield client


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


class _ResilientClient:
    """A client of which joblib's backend gets what can be recomputed.

    Scattered data lives on workers only, and dies with them; the result of a task is computed
    again. So what joblib scatters becomes the result of a task that was given it.

    Parameters
    ----------
    client : distributed.Client
        Does all the rest.
    """

    def __init__(self, client):
        self._client = client
        self.failure: Exception | None = None

    def __getattr__(self, name):
        return getattr(self._client, name)

    def submit(self, *args, **kwargs):
        """Submit a task; remember why that was not possible."""
        try:
            return self._client.submit(*args, **kwargs)
        except Exception as error:
            self.failure = error
            raise

    async def scatter(self, data, **_):
        """Return the future of a task that gives the data back."""
        import dask

        # Each piece of data goes once, so Dask's advice to send futures instead is met already.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": _NO_LIMIT}):
            return self.submit(_give, data, key=f"{type(data).__name__}-{uuid4().hex}")


def _give(data):
    return data


class _Backend(DaskDistributedBackend):
    """joblib's backend, but for errors of Dask's own, on which that waits for ever.

    It tells joblib of what a fit returned or raised. Of a task that Dask gave up, because workers
    died of it or it could not be sent, the answer is an error that nobody is told of.
    """

    def __init__(self, **params):
        super().__init__(**params)
        self._answers: WeakSet = WeakSet()

    def submit(self, func, callback=None):
        """Submit a batch of fits; `callback` gets its result, or the error."""
        answer = super().submit(func, callback)
        self._answers.add(answer)

        def tell(answer):
            if answer.exception() is not None:
                callback(answer.exception())

        answer.add_done_callback(tell)
        return answer

    def give_up(self, error) -> None:
        """End the search with an error."""
        for answer in list(self._answers):
            if not answer.done():
                answer.set_exception(error)


class _Watchdog:
    """Ends a search of which nothing will come, where Dask would wait for ever.

    Dask's own limit is a setting of the scheduler, for all its clients.
    """

    def __init__(self, backend: _Backend, client, timeout: float):
        self._backend, self._client, self._timeout = backend, client, timeout
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
            if self._backend.client.failure:
                self._backend.give_up(self._backend.client.failure)
            if self._sees_workers():
                last_seen = monotonic()
            elif monotonic() - last_seen > self._timeout:
                self._backend.give_up(self._error())

    def _sees_workers(self):
        try:
            return bool(self._client.ncores())
        except (OSError, TimeoutError):
            return False

    def _error(self):
        return NoWorkersError(
            f"The cluster at {self._client.scheduler.address} has had no workers for "
            f"timeout={self._timeout} seconds, and the search was given up. Start workers and fit "
            "again, or raise timeout if they take longer to come; the workers' logs say why they "
            "went."
        )
