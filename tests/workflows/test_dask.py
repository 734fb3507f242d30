"""Searches on a Dask cluster: the same scores, whoever dies."""

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from threading import Timer

import joblib
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score

from skfashion import TransferClassifier, memory_report
from skfashion.datasets import load_fashion_sample
from skfashion.distributed import NoWorkersError, search_on
from skfashion.distributed._backend import Backend
from skfashion.distributed._errors import no_workers_error
from skfashion.distributed._watchdog import Watchdog
from skfashion.model_selection import ClassSplitCV
from tests.class_split import GTE5, first_of_each, halve
from tests.workflows.clusters import (
    ROOT,
    Slow,
    find_tests,
    search_on_one_thread,
    start_cluster,
)

distributed = pytest.importorskip("distributed")
from distributed.deploy.subprocess import SubprocessCluster  # noqa: E402

# Sockets and pipes of a process that was killed are closed by the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.usefixtures("environment_as_it_was"),
]


def data():
    X, y = first_of_each(*load_fashion_sample(return_X_y=True), 10)
    return halve(X), y


def search(**params):
    clf = TransferClassifier(
        pretrain_classes=GTE5, pretrain_epochs=1, epochs=1, random_state=0, **params
    )
    grid = {"freeze_until": [None, "features"]}
    cv = ClassSplitCV(2, pretrain_classes=GTE5)
    return GridSearchCV(clf, grid, cv=cv, refit=False, error_score="raise")


def scores(fitted):
    return [fitted.cv_results_[f"split{fold}_test_score"].tolist() for fold in range(2)]


def serial_search_scores():
    return scores(search().fit(*data()))


class Unsendable(Slow):
    """A fit that no scheduler and no worker can make sense of."""

    def __reduce__(self):
        return make_nothing, ()


def make_nothing():
    raise RuntimeError("not to be had here")


@pytest.fixture(scope="module")
def client():
    with start_cluster(2) as cluster, distributed.Client(cluster) as client:
        find_tests(client)
        yield client


@pytest.fixture(scope="module")
def serial_scores(client):
    """Scores of the search in this file, all of it in one process that has one thread."""
    return client.submit(serial_search_scores).result()


def test_paths_are_sent_and_workers_decode_files(client, tmp_path):
    from PIL import Image

    X, y = data()
    paths = [str(tmp_path / f"{number:03}.png") for number in range(len(X))]
    for path, image in zip(paths, X, strict=True):
        Image.fromarray(image).save(path)
    clf = TransferClassifier(epochs=1, random_state=0, image_shape=X.shape[1:])
    with search_on(client):
        on_files, on_arrays = (cross_val_score(clf, images, y, cv=2) for images in (paths, X))
    assert on_files.tolist() == on_arrays.tolist()


class KillOnce:
    """A scorer that kills its worker the first time that it scores anywhere."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __call__(self, estimator, X, y):
        with suppress(FileExistsError):
            os.close(os.open(self.marker, os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
        return estimator.score(X, y)


def test_scores_are_those_of_a_serial_search(client, serial_scores, tmp_path):
    with search_on(client) as same:
        fitted = search(memory=tmp_path).fit(*data())
    assert same is client
    assert scores(fitted) == serial_scores
    report = memory_report(tmp_path)
    assert (report["pretrainings_computed"], report["pretrainings_found"]) == (1, 3)
    # Each image of the target task goes through the frozen part once.
    assert report["rows_computed"] == 50


def test_a_worker_that_is_killed_costs_nothing_but_time(client, serial_scores, tmp_path):
    killing = search()
    killing.scoring = KillOnce(tmp_path / "killed")
    with search_on():
        fitted = killing.fit(*data())
    assert (tmp_path / "killed").exists()
    assert scores(fitted) == serial_scores


def test_images_travel_once_and_not_with_each_candidate(client):
    X = np.zeros((20_000, 28, 28), "uint8")
    y = np.arange(len(X)) % 2
    with distributed.get_task_stream(client) as stream, search_on(client):
        GridSearchCV(Slow(), {"number": range(4)}, cv=2, refit=False).fit(X, y)
    arrays = [row for row in stream.data if row["key"].startswith("ndarray-")]
    # X, y, and the training and test rows of two folds.
    assert len(arrays) == 6
    received = client.run(lambda dask_worker: [*dask_worker.transfer_incoming_log])
    assert all(sum(e["total"] > X.nbytes for e in log) <= 2 for log in received.values())


def test_a_single_slot_is_on_the_cluster_too():
    X, y = np.zeros((20, 2)), np.arange(20) % 2
    with search_on_one_thread() as (_, stream):
        cross_val_score(Slow(), X, y, cv=2)
    tasks = [row["key"].split("-")[0] for row in stream.data]
    assert tasks == ["batch_of__fit_and_score_1_calls"] * 2


def test_one_thread_a_slot(client):
    def threads():
        from skfashion._keras.tensorflow import tf

        get = tf.config.threading
        return get.get_intra_op_parallelism_threads(), get.get_inter_op_parallelism_threads()

    assert client.submit(threads).result() == (1, 1)


def test_no_worker_left_is_an_error():
    # A worker without a nanny, which nobody starts again.
    with (
        SubprocessCluster(
            host="127.0.0.1",
            worker_class="distributed.Worker",
            n_workers=1,
            threads_per_worker=2,
            scheduler_kwargs={"dashboard": False},
            worker_kwargs={"dashboard": False},
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(1, timeout=60)
        find_tests(client)
        (worker,) = client.run(os.getpid).values()
        kill = Timer(1, lambda: os.kill(worker, signal.SIGKILL))
        grid = GridSearchCV(Slow(), {"number": range(60)}, cv=2, refit=False)
        kill.start()
        with (
            pytest.raises(NoWorkersError, match="no workers for timeout=1"),
            search_on(client, timeout=1),
        ):
            grid.fit(*data())


@pytest.fixture
def scheduler(tmp_path):
    """The process of a scheduler with one worker, and the file that has its address."""
    file = str(tmp_path / "scheduler.json")
    common = ["--scheduler-file", file, "--host", "127.0.0.1", "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [
        subprocess.Popen([sys.executable, "-m", f"distributed.cli.dask_{role}", *options], **quiet)
        for role, options in {
            "scheduler": [*common, "--port", "0"],
            "worker": [*common, "--no-nanny"],
        }.items()
    ]
    yield processes[0], file
    for process in processes:
        process.kill()
        process.wait()


def test_no_scheduler_left_is_an_error(scheduler):
    process, file = scheduler
    grid = GridSearchCV(Slow(), {"number": range(60)}, cv=2, refit=False)
    with distributed.Client(scheduler_file=file) as client:
        client.wait_for_workers(1, timeout=60)
        find_tests(client)
        address = client.scheduler.address
        Timer(1, process.kill).start()
        with (
            pytest.raises(NoWorkersError, match=f"scheduler at {address} is gone"),
            search_on(client),
        ):
            grid.fit(*data())


def test_watchdog_of_a_client_that_closed_itself(scheduler):
    with distributed.Client(scheduler_file=scheduler[1]) as client:
        address = client.scheduler.address
        watchdog = Watchdog(Backend(client=client), client, timeout=1)
    assert watchdog._count_slots() == 0
    assert address in str(no_workers_error(watchdog._address, 1))
    with pytest.raises(NoWorkersError, match="The client is closed"), search_on(client):
        pass


def test_errors_of_the_users_code_stay_as_they_are(scheduler):
    def close_and_fail(client):
        client.close()
        raise FileNotFoundError("of the user")

    client = distributed.Client(scheduler_file=scheduler[1])
    with pytest.raises(FileNotFoundError, match="of the user"), search_on(client):
        close_and_fail(client)


def test_errors_of_dask_itself_end_a_search(client):
    grid = GridSearchCV(Unsendable(), {"number": range(4)}, cv=2, refit=False)
    with pytest.raises(Exception, match=r"deserializ|not to be had here"), search_on(client):
        grid.fit(*data())


class NotPicklable(Slow):
    def __reduce__(self):
        raise TypeError("not to be pickled")


def test_what_cannot_be_sent_ends_a_search(client):
    grid = GridSearchCV(NotPicklable(), {"number": range(4)}, cv=2, refit=False)
    with search_on(client):
        with pytest.raises(Exception, match="serialize"):
            grid.fit(*data())
        # A further search in this context takes longer than the watchdog needs to see an error.
        later = GridSearchCV(Slow(), {"number": range(8)}, cv=2, refit=False).fit(*data())
    assert not np.isnan(later.cv_results_["mean_test_score"]).any()


def test_a_cluster_that_stays_without_workers_is_an_error():
    with start_cluster(0) as cluster, distributed.Client(cluster) as client:
        grid = GridSearchCV(Slow(), {"number": range(4)}, cv=2, refit=False)
        with (
            pytest.raises(NoWorkersError, match="no workers for timeout=1 seconds"),
            search_on(client, timeout=1),
        ):
            grid.fit(*data())


@pytest.mark.parametrize(("timeout", "waits"), [(30, 30), (np.inf, 365 * 24 * 3600)])
def test_a_cluster_may_begin_without_workers(timeout, waits):
    with start_cluster(0) as cluster, distributed.Client(cluster) as client:
        start = Timer(1, cluster.scale, (1,))
        start.start()
        with search_on(client, timeout=timeout):
            backend, _ = joblib.parallel.get_active_backend()
            assert backend.wait_for_workers_timeout == waits
            found = cross_val_score(DummyClassifier(), *data(), cv=2)
        start.join()
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("timeout", "error"),
    [("60", TypeError), (True, TypeError), (0, ValueError), (np.nan, ValueError)],
)
def test_a_timeout_is_a_number_of_seconds(client, timeout, error):
    with pytest.raises(error, match=r"timeout must be .* Pass"), search_on(client, timeout=timeout):
        pass


def test_other_errors_stay_as_they_are(client):
    with pytest.raises(ValueError, match="hidden_units"), search_on(client):
        search(hidden_units=-1).fit(*data())


def test_no_client_is_an_error(monkeypatch):
    def none():
        raise ValueError("no client")

    monkeypatch.setattr(distributed, "get_client", none)
    with pytest.raises(ValueError, match=r"search_on\(client=None\)"), search_on():
        pass


def test_an_address_is_no_client():
    message = r"got 'tcp://localhost:8786'.* pass Client\(address\)"
    with pytest.raises(TypeError, match=message), search_on("tcp://localhost:8786"):
        pass


def test_without_dask_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "skfashion\[dask\]"'), search_on():
        pass


def test_who_starts_a_cluster_keeps_all_threads():
    start = """
        import skfashion
        from tests.workflows.test_dask import start_cluster
        start_cluster(1).close()
    """
    assert threads_after(start) == "0 0"


def threads_after(program):
    """Return the threads within and between operations of a process that runs a program first."""
    report = """
        from skfashion._keras.tensorflow import tf
        get = tf.config.threading
        print(get.get_intra_op_parallelism_threads(), get.get_inter_op_parallelism_threads())
    """
    others = {k: v for k, v in os.environ.items() if not k.endswith("_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program) + textwrap.dedent(report)],
        capture_output=True,
        text=True,
        env={**others, "PYTHONPATH": str(ROOT)},
    )
    assert done.stderr == ""
    return done.stdout.strip()
