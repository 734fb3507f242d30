"""Histories: the records of epochs, as a list for each of their entries."""

from math import nan

History = dict[str, list]


def append_record(history: History, record: dict) -> History:
    """Return a history with a further epoch, without changing the given one."""
    return {**history, **{key: [*history.get(key, ()), value] for key, value in record.items()}}


def concatenate_histories(history: History, further: History) -> History:
    """Return both histories one after the other; nan where one of them lacks an entry."""
    n_before, n_further = (len(part.get("seconds", [])) for part in (history, further))
    return {
        key: history.get(key, [nan] * n_before) + further.get(key, [nan] * n_further)
        for key in {**history, **further}
    }
