"""Searches on a Dask cluster: what is sent and to whom, and the end of a search that fails."""

import asyncio
import os
import signal
from tempfile import mkstemp
from threading import Timer
from time import sleep

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skfashion.distributed import search_on
from tests.workflows.clusters import Slow, find_tests, search_on_one_thread, start_cluster

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.usefixtures("environment_as_it_was")

X, Y = np.zeros((20, 2)), np.arange(20) % 2


@pytest.fixture(scope="module")
def client():
    with start_cluster(2) as cluster, distributed.Client(cluster) as client:
        find_tests(client)
        yield client


class Marked(Slow):
    """Leaves a file for each fit that begins; the fit of number 0 fails."""

    def __init__(self, number=0, folder=None):
        super().__init__(number)
        self.folder = folder

    def fit(self, X, y):
        os.close(mkstemp(dir=self.folder)[0])
        if self.number == 0:
            raise ValueError("The fit of number 0 fails.")
        return super().fit(X, y)

    def score(self, X, y):
        return 1.0


def search(estimator, numbers, **options):
    grid = {"number": list(numbers)}
    return GridSearchCV(estimator, grid, cv=2, refit=False, error_score="raise", **options)


# -- Workers that are added --------------------------------------------------------------------


def most_at_once(stream):
    """Return the largest number of fits that ran at the same moment."""
    changes = [
        (each[name], change)
        for row in stream.data
        if row["key"].startswith("batch_of")
        for each in row["startstops"]
        if each["action"] == "compute"
        for name, change in (("start", 1), ("stop", -1))
    ]
    return np.cumsum([change for _, change in sorted(changes)]).max()


@pytest.mark.parametrize(
    ("pre_dispatch", "n_candidates", "expected"),
    # A search that begins with one thread has four fits on the cluster.
    [("2*n_jobs", 40, range(7, 41)), (3, 10, [3])],
)
def test_fits_run_on_workers_that_are_added(pre_dispatch, n_candidates, expected):
    with search_on_one_thread() as (cluster, stream):
        cluster.new_spec["options"]["nthreads"] = 8
        add_worker = Timer(0.5, cluster.scale, (2,))
        add_worker.start()
        search(Slow(), range(n_candidates), pre_dispatch=pre_dispatch).fit(X, Y)
        add_worker.join()
    assert most_at_once(stream) in expected


# -- Lists and dicts ---------------------------------------------------------------------------


class Item:
    """An image that counts how often it is sent."""

    n_sent = 0

    def __reduce__(self):
        Item.n_sent += 1
        return Item, ()


class TakesLists(Slow):
    def fit(self, X, y, sample_weight):
        if not (type(X) is type(y) is list and type(X[0]) is Item):
            raise TypeError(f"got {type(X)}, {type(y)}")
        self.n_weights_ = len(sample_weight)
        return self

    def score(self, X, y, sample_weight=None):
        return float(self.n_weights_)


def test_lists_and_weights_are_sent_once(client):
    items, weights = [Item() for _ in Y], np.ones(len(Y)).repeat(20).reshape(len(Y), 20)
    with distributed.get_task_stream(client) as stream, search_on(client):
        found = search(TakesLists(), range(4)).fit(items, Y.tolist(), sample_weight=weights)
    assert found.cv_results_["mean_test_score"].tolist() == [10.0] * 4
    # Rows, labels, and weights of fits and of scores.
    names = [row["key"].partition("-")[0] for row in stream.data]
    assert (names.count("SentOnce"), names.count("batch_of__fit_and_score_1_calls")) == (4, 8)
    # To the scheduler, and from there to each worker.
    assert Item.n_sent <= 3 * len(items)


# -- Searches that end early -------------------------------------------------------------------


def wait_for_no_fits(client):
    """Return as soon as there are no fits on the cluster, waiting or running."""

    async def wait(dask_scheduler):
        while any(task.state == "processing" for task in dask_scheduler.tasks.values()):
            await asyncio.sleep(0.01)

    client.run_on_scheduler(wait)


def test_fits_of_a_search_that_fails_are_cancelled(client, tmp_path):
    failing = search(Marked(folder=str(tmp_path)), [1, 0, *range(2, 30)], pre_dispatch="all")
    with search_on(client):
        with pytest.raises(ValueError, match="The fit of number 0 fails"):
            failing.fit(X, Y)
        wait_for_no_fits(client)
        later = search(Marked(folder=str(tmp_path)), [1, 2]).fit(X, Y)
    assert later.cv_results_["mean_test_score"].tolist() == [1.0, 1.0]
    # Two workers had begun a few fits; the later search has four.
    assert 4 < len([*tmp_path.iterdir()]) < 20


class Interrupts:
    """An image whose transfer takes half a second, in which the user presses Ctrl-C."""

    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sleep(0.5)
        return Item, ()


@pytest.mark.usefixtures("python_handles_signals")
def test_an_interrupted_search_begins_no_fit(client, tmp_path):
    marked = search(Marked(folder=str(tmp_path)), range(1, 5))
    with search_on(client):
        with pytest.raises(KeyboardInterrupt):
            marked.fit([*(Item() for _ in Y[1:]), Interrupts()], Y)
        search(Slow(), range(2)).fit(X, Y)
    assert list(tmp_path.iterdir()) == []
