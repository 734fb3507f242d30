"""Run searches on a Dask cluster through joblib, and survive the loss of workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4
from weakref import WeakSet

from joblib import parallel_config

# joblib has no public names for these two: _Backend extends the class, and repeats what joblib
# does with `pre_dispatch`.
from joblib._dask import DaskDistributedBackend
from joblib._utils import eval_expr

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["NoWorkersError", "search_on"]

_SECONDS_BETWEEN_CHECKS = 1.0
_NO_LIMIT = 2**62
# Dask cannot wait for any number of seconds.
_MOST_SECONDS = 365 * 24 * 3600
# joblib sends an argument with every task unless it is larger than this.
_LEAST_BYTES_SENT_ONCE = 1_000
# Lists of fewer items are sent with every task, as joblib does.
_LEAST_ITEMS_SENT_ONCE = 10


class NoWorkersError(RuntimeError):
    """The cluster had no workers for longer than the `timeout` of `search_on`, or no scheduler.

    Examples
    --------
    >>> from skfashion.distributed import NoWorkersError, search_on
    >>> try:  # doctest: +SKIP
    ...     with search_on(client, timeout=60):
    ...         search.fit(X, y)
    ... except NoWorkersError:
    ...     search.fit(X, y)
    """


@contextmanager
def search_on(client: "Client | None" = None, *, timeout: float = 30) -> Iterator["Client"]:
    """Run scikit-learn's parallel work on a Dask cluster, and survive the loss of workers.

    Use this context instead of ``parallel_config(backend="dask")``, for everything that takes
    `n_jobs`: searches, `cross_validate`, `learning_curve`. With joblib's context a search fails
    when a worker dies, because the images are lost with it. Here the scheduler keeps one copy of
    the images until the search ends. New workers receive them again, and lost candidates are fitted
    again.

    Parameters
    ----------
    client : distributed.Client, default=None
        Client of the cluster. By default the client that was created last.
    timeout : float, default=30
        Seconds without any worker, above 0, after which the search ends with an error. Set it above
        the time that workers need to restart, or that an adaptive cluster needs to add them.

    Yields
    ------
    distributed.Client
        The client.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError
        If `timeout` is no number.
    ValueError
        If there is no client, or `timeout` is not above 0.
    NoWorkersError
        If the cluster has no workers for `timeout` seconds, or its scheduler is gone.

    See Also
    --------
    joblib.parallel_config : Selects any backend of joblib.

    Notes
    -----
    `n_jobs` has no effect: the number of parallel fits is the number of worker threads, also if
    workers are added during a search. `pre_dispatch` of a search limits the fits that are on the
    cluster, and `n_jobs` in it is the present number of threads. If a search ends with an error or
    by Ctrl-C, its fits are cancelled. Those that run end by themselves.

    A candidate on which four workers die in turn ends the search with `distributed.KilledWorker`.
    Dask's setting ``distributed.scheduler.allowed-failures`` changes that number. Parallel work
    inside a fit, such as an inner search, runs in joblib's context, which does not survive lost
    workers.

    Examples
    --------
    >>> from dask.distributed import Client, LocalCluster  # doctest: +SKIP
    >>> from skfashion.distributed import search_on
    >>> with LocalCluster(n_workers=2, threads_per_worker=1) as cluster:  # doctest: +SKIP
    ...     with Client(cluster) as client, search_on(client):
    ...         search.fit(X, y)
    """
    _check_timeout(timeout)
    client = _client_or_latest(client)
    if client.scheduler is None:
        raise NoWorkersError("The client is closed. Pass a client of a cluster that runs.")
    waits = min(timeout, _MOST_SECONDS)
    backend = _Backend(client=_ResilientClient(client), wait_for_workers_timeout=waits)
    watchdog = _Watchdog(backend, client, timeout)
    with watchdog, parallel_config(backend=backend), watchdog.lost_scheduler_named():
        yield client


def _check_timeout(timeout: float) -> None:
    if not isinstance(timeout, Real) or isinstance(timeout, bool):
        raise TypeError(f"timeout must be a number of seconds, got {timeout!r}. Pass a float.")
    if not timeout > 0:
        raise ValueError(f"timeout must be above 0 seconds, got {timeout!r}. Pass 30, the default.")


def _client_or_latest(client: "Client | None") -> "Client":
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
            "search_on(client=None) takes the Dask client that was created last, and there is "
            'none. Create one, such as Client("scheduler-address:8786") from dask.distributed.'
        ) from None


class _ResilientClient:
    """A Dask client whose scattered data can be recomputed.

    Scattered data exists on workers only and is lost with them. The result of a task is computed
    again. So data that joblib scatters becomes the result of a task that returns its argument.

    Parameters
    ----------
    client : distributed.Client
        Client for all other operations.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client
        self.failure: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def submit(self, *args: Any, **kwargs: Any) -> "Future":
        """Submit a task, and record the error if that fails."""
        try:
            return self._client.submit(*args, **kwargs)
        except Exception as error:
            self.failure = error
            raise

    async def scatter(self, data: Any, **_: Any) -> "Future":
        """Return the future of a task that returns the data."""
        import dask

        # Dask warns about large graphs and advises futures; this task is sent only once.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": _NO_LIMIT}):
            return self.submit(_identity, data, key=f"{type(data).__name__}-{uuid4().hex}")


def _identity(data: Any) -> Any:
    return data


class _SentOnce:
    """A list or dict that is sent once for a search; workers receive the list or dict itself.

    joblib sends large arguments once only if they can be weakly referenced.

    Parameters
    ----------
    value : list or dict
        The argument.
    """

    def __init__(self, value: list | dict) -> None:
        self._value = value

    def __sizeof__(self) -> int:
        return 2 * _LEAST_BYTES_SENT_ONCE

    def __reduce__(self) -> tuple[Any, ...]:
        return _identity, (self._value,)


def _is_large(argument: Any) -> bool:
    """Whether an argument may hold a value for each row of the data."""
    if isinstance(argument, dict):
        return any(map(_is_large, argument.values()))
    if isinstance(argument, list):
        return len(argument) >= _LEAST_ITEMS_SENT_ONCE
    return getattr(argument, "nbytes", 0) > _LEAST_BYTES_SENT_ONCE


class _Backend(DaskDistributedBackend):
    """joblib's Dask backend, which also reports the errors of Dask itself.

    joblib's backend calls back with the result or error of a fit. It does not call back if Dask
    gave up a task, because workers died or it could not be sent. joblib would wait forever.

    This backend also sends lists once, uses workers that are added during a search, and cancels
    the fits of a search that ends early.
    """

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.parallel: Any = None
        self._futures: WeakSet = WeakSet()
        self._sent_once: dict[int, _SentOnce] = {}
        self._is_ended = False

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return the number of slots, but at least 2.

        With one slot joblib runs everything in the local process, even if only one worker is left
        temporarily.
        """
        try:
            return max(2, super().effective_n_jobs(n_jobs))
        except TimeoutError as error:
            address = self.client.scheduler.address
            raise _no_workers_error(address, self.wait_for_workers_timeout) from error

    def start_call(self) -> None:
        """Begin a search; errors of earlier ones in this context do not end it."""
        self.client.failure = None
        self._is_ended = False
        super().start_call()

    def stop_call(self) -> None:
        """End a search, and release its data."""
        super().stop_call()
        self._sent_once.clear()

    def fill_slots(self, n_slots: int) -> None:
        """Dispatch fits for workers that were added since the search began.

        joblib evaluates `pre_dispatch` once, and later dispatches a fit for each one that ends.

        Parameters
        ----------
        n_slots : int
            Threads of all workers.
        """
        parallel = self.parallel
        # Until joblib has dispatched a fit, it has not evaluated `pre_dispatch`.
        if not getattr(parallel, "n_dispatched_tasks", 0):
            return
        n_jobs = str(max(n_slots, 2))
        with parallel._lock:
            # joblib removes the iterator when it is exhausted.
            while parallel._original_iterator is not None:
                most = eval_expr(str(parallel.pre_dispatch).replace("n_jobs", n_jobs))
                if parallel.n_dispatched_tasks - parallel.n_completed_tasks >= most:
                    break
                parallel.dispatch_next()

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Submit a batch of fits; `callback` receives its result, or the error."""
        send = self._send_once
        func.items = [
            (call, [*map(send, args)], {name: send(value) for name, value in kwargs.items()})
            for call, args, kwargs in func.items
        ]
        future = super().submit(func, callback)
        self._futures.add(future)

        def forward_error(future: Any) -> None:
            if future.exception() is not None:
                callback(future.exception())

        future.add_done_callback(forward_error)
        return future

    def _send_once(self, argument: Any) -> Any:
        """Return an argument as joblib must get it so that it sends it once."""
        if not isinstance(argument, list | dict) or not _is_large(argument):
            return argument
        return self._sent_once.setdefault(id(argument), _SentOnce(argument))

    async def _to_func_args(self, func: Any) -> tuple[Any, list]:
        batch, tasks = await super()._to_func_args(func)
        # Data may be sent while a search is cancelled. The batch that needs them then has no fits.
        return batch, [] if self._is_ended else tasks

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel the fits of a search that ended with an error, or by Ctrl-C."""
        self._is_ended = True
        if self.client.status == "running":
            self.client.sync(self._cancel_dispatched)
        else:
            super().abort_everything(ensure_ready)

    async def _cancel_dispatched(self) -> None:
        # This runs in the thread that fills and empties the tables.
        super().abort_everything()
        dispatched = list(self._results)
        self._results.clear()
        self._callbacks.clear()
        await self.client.cancel(dispatched, asynchronous=True)

    def abort(self, error: Exception) -> None:
        """End the search with an error."""
        for future in list(self._futures):
            if not future.done():
                future.set_exception(error)


class _Watchdog:
    """Ends a search that cannot finish, for which Dask would wait forever.

    Dask's limit is a setting of the scheduler, for all its clients.

    Parameters
    ----------
    backend : _Backend
        Backend of the search.
    client : distributed.Client
        Client of the cluster.
    timeout : float
        Seconds without workers before the search ends.
    """

    def __init__(self, backend: _Backend, client: "Client", timeout: float) -> None:
        self._backend, self._client, self._timeout = backend, client, timeout
        # A client that loses its scheduler closes itself and forgets the address.
        self._address = cast(Any, client.scheduler).address
        self._done = Event()
        self._thread = Thread(target=self._watch, name="skfashion-watchdog", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @contextmanager
    def lost_scheduler_named(self) -> Iterator[None]:
        """Raise `NoWorkersError` in place of Dask's errors about a scheduler that is gone."""
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError

        try:
            yield
        except (FutureCancelledError, CommClosedError) as error:
            if self._client.status == "running":
                raise
            raise NoWorkersError(
                f"The scheduler at {self._address} is gone, so the search was ended. Start a "
                "cluster and fit again with a client of it; the logs of the scheduler say why it "
                "stopped."
            ) from error

    def _watch(self) -> None:
        last_seen = monotonic()
        while not self._done.wait(_SECONDS_BETWEEN_CHECKS):
            if self._backend.client.failure:
                self._backend.abort(self._backend.client.failure)
            if n_slots := self._count_slots():
                last_seen = monotonic()
                self._backend.fill_slots(n_slots)
            elif monotonic() - last_seen > self._timeout:
                self._backend.abort(_no_workers_error(self._address, self._timeout))

    def _count_slots(self) -> int:
        """Return the number of threads of all workers."""
        if self._client.status in ("closing", "closed"):
            return 0
        try:
            return sum(self._client.ncores().values())
        except (OSError, TimeoutError):
            return 0


def _no_workers_error(address: str, timeout: float) -> NoWorkersError:
    return NoWorkersError(
        f"The cluster at {address} has had no workers for timeout={timeout} seconds, so the search "
        "was ended. Start workers and fit again, or raise timeout if they take longer to start; "
        "the logs of the workers say why they stopped."
    )
