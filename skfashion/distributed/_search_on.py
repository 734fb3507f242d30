"""The public context `search_on`."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import TYPE_CHECKING

from joblib import parallel_config

from ._backend import Backend
from ._client import ResilientClient
from ._errors import NoWorkersError
from ._watchdog import Watchdog

if TYPE_CHECKING:
    from distributed import Client

# Dask cannot wait for any number of seconds.
_MOST_SECONDS = 365 * 24 * 3600


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
    backend = Backend(client=ResilientClient(client), wait_for_workers_timeout=waits)
    watchdog = Watchdog(backend, client, timeout)
    with watchdog, parallel_config(backend=backend), watchdog.lost_scheduler_named():
        yield client


def _check_timeout(timeout: float) -> None:
    if not isinstance(timeout, Real) or isinstance(timeout, bool):
        raise TypeError(f"timeout must be a number of seconds, got {timeout!r}. Pass a float.")
    if not timeout > 0:
        raise ValueError(f"timeout must be above 0 seconds, got {timeout!r}. Pass 30, the default.")


def _client_or_latest(client: "Client | None") -> "Client":
    try:
        from distributed import Client, get_client
    except ImportError as error:
        raise ImportError(
            "search_on runs on a Dask cluster, but Dask is not installed: "
            'run `pip install "skfashion[dask]"`.'
        ) from error
    if isinstance(client, Client):
        return client
    if client is not None:
        raise TypeError(
            f"client must be a client of Dask or None, got {client!r}. For the address of a "
            "scheduler, pass Client(address) from dask.distributed."
        )
    try:
        return get_client()
    except ValueError:
        raise ValueError(
            "search_on(client=None) takes the Dask client that was created last, and there is "
            'none. Create one, such as Client("scheduler-address:8786") from dask.distributed.'
        ) from None
