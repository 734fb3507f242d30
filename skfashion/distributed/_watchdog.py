"""A thread that ends a search on a cluster that cannot finish it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from ._backend import Backend
from ._errors import NoWorkersError, no_workers_error

if TYPE_CHECKING:
    from distributed import Client

_SECONDS_BETWEEN_CHECKS = 1.0


class Watchdog:
    """Ends a search that cannot finish, for which Dask would wait forever.

    Dask's limit is a setting of the scheduler, for all its clients.

    Parameters
    ----------
    backend : Backend
        Backend of the search.
    client : distributed.Client
        Client of the cluster.
    timeout : float
        Seconds without workers before the search ends.
    """

    def __init__(self, backend: Backend, client: "Client", timeout: float) -> None:
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
                self._fill_slots(n_slots)
            elif monotonic() - last_seen > self._timeout:
                self._backend.abort(no_workers_error(self._address, self._timeout))

    def _fill_slots(self, n_slots: int) -> None:
        try:
            self._backend.fill_slots(n_slots)
        except Exception as error:  # it would end the thread that watches the cluster
            self._backend.abort(error)

    def _count_slots(self) -> int:
        """Return the number of threads of all workers."""
        if self._client.status in ("closing", "closed"):
            return 0
        try:
            return sum(self._client.ncores().values())
        except (OSError, TimeoutError):
            return 0
