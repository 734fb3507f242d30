"""Rows that several processes miss in a table of features, computed once."""

import os
from collections import deque
from collections.abc import Callable

import numpy as np

from .._data import chunks
from .._data.chunks import chunk_rows
from .row_table import MIN_ROWS, RowTable

# Parts of a table, by the hashes of rows. Processes that miss the same rows compute different
# parts at the same time, and processes that miss different rows seldom wait for each other.
N_PARTS = 8
# Parts with fewer batches than this are computed together, because the last batch is padded.
MIN_BATCHES = 16

FindRows = Callable[[np.ndarray], np.ndarray]
ComputeRows = Callable[[np.ndarray, bool], None]


def compute_once(
    table: RowTable,
    hashes: np.ndarray,
    missing: np.ndarray,
    find: FindRows,
    compute: ComputeRows,
    *,
    n_missing: int,
    batch_size: int,
    row_bytes: int,
) -> int:
    """Compute rows that a table lacks, except those that others add in between.

    Few rows are not added. The request decides this, because its parts may have few rows each.

    Parameters
    ----------
    table : RowTable
        The table.
    hashes : ndarray of shape (n, 2)
        Hashes of all rows.
    missing : ndarray of int of shape (n_missing,)
        Indices of the rows that the table lacks.
    find : callable
        ``find(indices) -> ndarray of int``: reads the rows that the table has by now, and returns
        the indices of those that it still lacks.
    compute : callable
        ``compute(indices, adds)``: computes rows, and adds them to the table if `adds` is true.
    n_missing : int
        How many rows the table lacks in the whole request, of which these may be a part.
    batch_size : int
        Rows in a batch.
    row_bytes : int
        Bytes of a row's input.

    Returns
    -------
    int
        How many rows were computed here.
    """
    if not len(missing):
        return 0
    adds = n_missing >= MIN_ROWS
    if not (adds and table.make_room(len(missing))):
        # Other processes could not find the result.
        compute(missing, adds)
        return len(missing)
    # Rows that are next to each other are computed at about the same time: they may be in a file.
    most_bytes = N_PARTS * chunks.CHUNK_BYTES
    return sum(
        _compute_parts(table, hashes, missing[chunk], find, compute, batch_size)
        for chunk in chunk_rows(len(missing), row_bytes, most_bytes, batch_size)
    )


def _compute_parts(table, hashes, missing, find, compute, batch_size) -> int:
    """Compute part after part under its lease; parts that others compute come last."""
    part_of = hashes[missing, 1] % N_PARTS
    pending = deque(_group_parts(len(missing), batch_size))
    n_computed = n_busy = 0
    while pending:
        parts = pending.popleft()
        with table.lease(parts, wait=n_busy >= len(pending)) as is_free:
            if is_free:
                rows = find(missing[np.isin(part_of, parts)])
                if len(rows):
                    compute(rows, True)
                n_computed, n_busy = n_computed + len(rows), 0
            else:
                pending.append(parts)
                n_busy += 1
    return n_computed


def _group_parts(n_rows, batch_size) -> list[np.ndarray]:
    """Return the parts that are computed together. Each process begins with another group."""
    n_groups = 1
    while n_groups < N_PARTS and n_rows >= 2 * n_groups * MIN_BATCHES * batch_size:
        n_groups *= 2
    groups = np.split(np.arange(N_PARTS), n_groups)
    first = os.getpid() % n_groups
    return groups[first:] + groups[:first]
