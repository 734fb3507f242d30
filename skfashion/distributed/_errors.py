"""The error of a cluster without workers."""


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


def no_workers_error(address: str, timeout: float) -> NoWorkersError:
    return NoWorkersError(
        f"The cluster at {address} has had no workers for timeout={timeout} seconds, so the search "
        "was ended. Start workers and fit again, or raise timeout if they take longer to start; "
        "the logs of the workers say why they stopped."
    )
