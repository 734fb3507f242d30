"""joblib's backend for searches on a Dask cluster."""

from typing import Any
from weakref import WeakSet

# joblib has no public names for these two: Backend extends the class, and repeats what joblib
# does with `pre_dispatch`.
from joblib._dask import DaskDistributedBackend
from joblib._utils import eval_expr

from ._client import SentOnce, is_large
from ._errors import no_workers_error


class Backend(DaskDistributedBackend):
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
        self._sent_once: dict[int, SentOnce] = {}
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
            raise no_workers_error(address, self.wait_for_workers_timeout) from error

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
        most = parallel.pre_dispatch
        if isinstance(most, str):
            most = eval_expr(most.replace("n_jobs", str(max(n_slots, 2))))
        with parallel._lock:
            # joblib removes the iterator when it is exhausted.
            while parallel._original_iterator is not None:
                if parallel.n_dispatched_tasks - parallel.n_completed_tasks >= most:
                    break
                parallel.dispatch_next()

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Submit a batch of fits; `callback` receives its result, or the error."""
        func.items = [
            (
                call,
                [*map(self._send_once, args)],
                {
                    # Each candidate has other parameters.
                    name: value if name == "parameters" else self._send_once(value)
                    for name, value in kwargs.items()
                },
            )
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
        if not isinstance(argument, list | dict) or not is_large(argument):
            return argument
        return self._sent_once.setdefault(id(argument), SentOnce(argument))

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
