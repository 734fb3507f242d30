"""Data for workers: sent once, and again when they are lost."""

from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from distributed import Client, Future

_NO_LIMIT = 2**62
# joblib sends an argument with every task unless it is larger than this.
_LEAST_BYTES_SENT_ONCE = 1_000
# Lists of fewer items, none of them a large array, are sent with every task, as joblib does.
_LEAST_ITEMS_SENT_ONCE = 10


class ResilientClient:
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
            return self.submit(return_unchanged, data, key=f"{type(data).__name__}-{uuid4().hex}")


def return_unchanged(data: Any) -> Any:
    return data


class SentOnce:
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
        return return_unchanged, (self._value,)


def is_large(argument: Any) -> bool:
    """Whether an argument may hold a value for each row of the data."""
    if isinstance(argument, dict):
        return any(map(is_large, argument.values()))
    if isinstance(argument, list):
        return len(argument) >= _LEAST_ITEMS_SENT_ONCE or any(map(is_large, argument))
    return getattr(argument, "nbytes", 0) > _LEAST_BYTES_SENT_ONCE
