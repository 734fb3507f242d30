"""Features in a store: found, computed from stored feature maps, or from the images."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from .._cache.image_hashes import hash_images
from .._cache.row_leases import compute_once
from .._cache.store import Store
from .._data import chunks
from .._data.chunks import bytes_of_row
from .._data.lazy_images import LazyImages
from .architecture import Weights
from .batch_function import run_batches
from .body import Body, Output
from .output_tables import OutputTable, OutputTables
from .pooled_pass import PooledPass, slices_of


def find_or_compute(
    body: Body,
    outputs: Sequence[Output],
    weights: Weights,
    hashes: Mapping[str, str],
    images: LazyImages,
    store: Store,
) -> np.ndarray:
    """Return outputs of layers for images, side by side, sharing them through a store.

    A pass over images keeps the average and the maximum of every stage, because other candidates
    of a search may need them.

    Parameters
    ----------
    body : Body
        The body.
    outputs : sequence of Output
        Requested outputs of each image.
    weights : dict of str to ndarray
        All weights of the body, by path.
    hashes : dict of str to str
        A hash of each weight, by path.
    images : LazyImages
        The images.
    store : Store
        The store.

    Returns
    -------
    ndarray of shape (n, n_features)
        The features.
    """
    tables = OutputTables(body, hashes, store)
    request = _Request(body, outputs, weights, tables, images, hash_images(images, store))
    to_fill = request.tables_to_fill(body.images, outputs, with_stages=True)
    missing = request.find(np.arange(len(images)))
    n_computed = compute_once(
        to_fill[0].rows,
        request.hashes,
        missing,
        request.find,
        request.compute,
        n_missing=len(missing),
        batch_size=body.architecture.prediction_batch,
        row_bytes=bytes_of_row(images) + sum(table.rows.row_bytes for table in to_fill),
    )
    store.log_usage(rows_found=len(images) - n_computed, rows_computed=n_computed)
    return request.features


class _Request:
    """Known outputs of images.

    Parameters
    ----------
    body, outputs, weights, images
        As for `find_or_compute`.
    tables : OutputTables
        Where outputs are found and kept.
    hashes : ndarray of shape (n, 2)
        Hashes of the images.

    Attributes
    ----------
    features : ndarray of shape (n, n_features)
        The outputs side by side. Those that are not known yet are not set.
    """

    def __init__(
        self,
        body: Body,
        outputs: Sequence[Output],
        weights: Weights,
        tables: OutputTables,
        images: LazyImages,
        hashes: np.ndarray,
    ):
        self._body, self._outputs, self._weights = body, outputs, weights
        self._tables, self._images, self.hashes = tables, images, hashes
        self._slices = slices_of(outputs)
        width, float_type = self._slices[-1].stop, body.architecture.float_type
        self.features = np.empty((len(images), width), float_type)
        self._is_known = np.zeros((len(images), len(outputs)), bool)

    def find(self, rows: np.ndarray) -> np.ndarray:
        """Read the stored outputs of rows; return the rows with missing outputs."""
        for number, output in enumerate(self._outputs):
            for read in self._tables.readers(output):
                unknown = rows[~self._is_known[rows, number]]
                if not len(unknown):
                    break
                for found, vectors in read(self.hashes[unknown]):
                    self._set(unknown[found], number, vectors)
        return rows[~self._is_known[rows].all(axis=1)]

    def _set(self, rows, number, vectors):
        self.features[rows, self._slices[number]] = vectors
        self._is_known[rows, number] = True

    def compute(self, rows: np.ndarray, adds: bool) -> None:
        """Compute the missing outputs of rows, and store them if `adds` is true."""
        # Stages may be known of rows whose feature maps are not.
        has_stages = self._tables.of_stages(self._body.images).rows.has(self.hashes[rows])
        for part, with_stages in ((rows[~has_stages], True), (rows[has_stages], False)):
            if len(part):
                self._compute(part, with_stages, adds)

    def _compute(self, rows, with_stages, adds):
        """Compute rows on from the deepest feature maps that the store has, or from the images."""
        numbers = np.flatnonzero(~self._is_known[rows].all(axis=0)).tolist()
        needed = [self._outputs[number] for number in numbers]
        paths = [self._body.path_to(output.tensor)[:-1] for output in needed]
        for cut in reversed(self._body.cuts):
            if all(cut in path for path in paths):
                maps_of_cut = self._tables.of_layer(Output(cut, "flatten")).rows
                run = partial(self._run, cut, numbers, with_stages, adds)
                batch_size = self._body.architecture.prediction_batch
                rows = maps_of_cut.find(self.hashes, rows, run, chunks.CHUNK_BYTES, batch_size)
        if len(rows):
            images = self._images.take(rows)
            self._run(self._body.images, numbers, with_stages, adds, rows, images)

    def _run(self, begin, numbers, with_stages, adds, rows, inputs):
        """Run a pass from the images or from feature maps of a cut, which are the inputs."""
        needed = [self._outputs[number] for number in numbers]
        to_fill = [
            table
            for table in self.tables_to_fill(begin, needed, with_stages)
            if adds and table.rows.make_room(len(rows))
        ]
        kept = [output for table in to_fill for output in table.outputs]
        outputs = [*dict.fromkeys([*kept, *needed])]
        forward = PooledPass(self._body, begin, outputs)
        vectors = run_batches([forward], self._weights, inputs)
        slices = dict(zip(outputs, slices_of(outputs), strict=True))
        for number, output in zip(numbers, needed, strict=True):
            self._set(rows, number, vectors[:, slices[output]])
        for table, of_table in to_fill:
            whole = slice(slices[of_table[0]].start, slices[of_table[-1]].stop)
            features = vectors[:, whole].reshape(len(rows), *table.shape)
            table.add(self.hashes[rows], features, np.arange(len(rows)))

    def tables_to_fill(
        self, begin, outputs: Sequence[Output], with_stages: bool
    ) -> list[OutputTable]:
        """Return the tables that a pass to these outputs adds to."""
        of_stages = [self._tables.of_stages(begin)] if with_stages else []
        others = [each for each in outputs if each not in self._body.stage_outputs]
        return of_stages + [self._tables.of_layer(output) for output in others]
