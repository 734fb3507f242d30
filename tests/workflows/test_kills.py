"""Processes are killed by SIGKILL: what was stored stays whole, fits keep their bits.

A hundred times that is at a random moment while a file is being written, and fifty times while a
lease is held for which another fit waits.
"""

import logging
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from skfashion import TransferClassifier, memory_report
from skfashion._cache.leases import N_LOCKS, PHASE
from skfashion._cache.store import Store
from skfashion.datasets import load_fashion_sample
from tests.class_split import GTE5, first_of_each, halve

ROOT = Path(__file__).parents[2]
EXECUTABLE = sys.executable, "-c"
KILLS_OF_EACH_WRITER = 14  # there are six
KILLS_OF_FITS = 16
PROGRAM = """
import sys
from itertools import count
from tests.workflows.test_kills import PARAMS, load_data
from skfashion import TransferClassifier

for seed in count(int(sys.argv[2])):
    TransferClassifier(
        **PARAMS, random_state=seed, memory=sys.argv[1], checkpoint=sys.argv[1]
    ).fit(*load_data())
"""
PARAMS = {
    "pretrain_classes": GTE5,
    "pretrain_epochs": 2,
    "epochs": 3,
    "freeze_until": "features",
    "schedule": "cosine",
}


def load_data():
    X, y = first_of_each(*load_fashion_sample(return_X_y=True), 4)
    return halve(X), y


@pytest.mark.slow
def test_writers_of_entries_features_weights_and_downloads(tmp_path):
    program = [sys.executable, "-m", "tests.workflows.kill_writers"]
    done = subprocess.run(
        [*program, tmp_path, str(KILLS_OF_EACH_WRITER)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # Keras prints its downloads, too.
    assert done.stdout.count(f"survived {KILLS_OF_EACH_WRITER} kills") == 6


def wait_for_a_write(folder, writer, n_writes):
    """Return when a number of files were seen while they were written."""
    seen, latest = set(folder.rglob("*.unfinished")), time.monotonic() + 300
    n_before = len(seen)
    while len(seen) < n_before + n_writes:
        seen |= set(folder.rglob("*.unfinished"))
        assert writer.poll() is None
        assert time.monotonic() < latest
        time.sleep(0.0005)


def read_entries(folder):
    """Return the number of entries of a store, each of which must match its checksum."""
    store = Store(folder)
    paths = list(store.folder.rglob("*.entry"))
    assert all(store.load(path.stem) for path in paths)
    return len(paths)


@pytest.mark.slow
def test_fits_with_memory_and_checkpoint(make, tmp_path):
    for number in range(KILLS_OF_FITS):
        seed = number // 4
        program = [sys.executable, "-c", PROGRAM, tmp_path, str(seed)]
        with subprocess.Popen(program, cwd=ROOT) as writer:
            wait_for_a_write(tmp_path, writer, random.randint(1, 9))
            writer.kill()
        assert writer.returncode == -signal.SIGKILL
        # The first kill may come before any entry is whole.
        n_entries = read_entries(tmp_path)
    assert n_entries
    X, y = load_data()
    for seed in range(KILLS_OF_FITS // 4):
        params = {**PARAMS, "random_state": seed}
        clf = make(**params, memory=tmp_path, checkpoint=tmp_path).fit(X, y)
        expected = make(**params).fit(X, y)
        assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
        assert clf.history_["loss"] == expected.history_["loss"]
        assert clf.pretrain_history_["loss"] == expected.pretrain_history_["loss"]


# -- Holders of leases ---------------------------------------------------------------------------

KILLS_OF_HOLDERS = 50
# Holds every lease that a fit can ask for.
HOLDER_OF_ALL = """
import sys, time
from contextlib import ExitStack
from skfashion._cache.leases import N_LOCKS, PHASE
from skfashion._cache.store import Store
N_LOCKS[PHASE] = 64
with ExitStack() as stack:
    for number in range(N_LOCKS[PHASE]):
        stack.enter_context(Store(sys.argv[1]).lease(PHASE, f"{number:x}"))
    print("held", flush=True)
    time.sleep(600)
"""
# Fits with the seed that it is told. Each of its epochs is a line.
HOLDER = """
import sys
from tests.workflows.test_kills import SLOWER, load_data
from skfashion import TransferClassifier
clf = TransferClassifier(**SLOWER, random_state=0, verbose=1).fit(*load_data())
print("ready", file=sys.stderr, flush=True)
clf.set_params(random_state=int(input()), memory=sys.argv[1]).fit(*load_data())
"""
SLOWER = {**PARAMS, "pretrain_epochs": 100, "epochs": 10, "batch_size": 4}


def fit_while_logged(pool, caplog, **params):
    """Begin a fit in a thread whose log lines have times."""
    caplog.clear()
    caplog.set_level(logging.INFO, "skfashion")
    return pool.submit(TransferClassifier(**params, verbose=1).fit, *load_data())


def wait_for_line(caplog, beginning):
    """Wait until a log line begins so."""
    latest = time.monotonic() + 60
    while time.monotonic() < latest:
        if any(message.startswith(beginning) for message in [*caplog.messages]):
            return
        time.sleep(0.001)
    raise AssertionError(f"no line {beginning!r} in {caplog.messages}")


def test_a_fit_goes_on_when_the_holder_of_a_lease_is_killed(make, tmp_path, caplog, monkeypatch):
    monkeypatch.setitem(N_LOCKS, PHASE, 64)
    X, y = load_data()
    params = {**PARAMS, "random_state": 0}
    expected = make(**params).fit(X, y)
    program = [*EXECUTABLE, HOLDER_OF_ALL, tmp_path]
    with (
        subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder,
        ThreadPoolExecutor(1) as pool,
    ):
        assert holder.stdout.readline() == "held\n"
        fit = fit_while_logged(pool, caplog, **params, memory=tmp_path)
        wait_for_line(caplog, "waiting for another process that computes the same training")
        time.sleep(0.3)
        assert not any("epoch" in message for message in caplog.messages)
        holder.kill()
        wait_for_line(caplog, "pretrain epoch 1/2")
        clf = fit.result(timeout=60)
    # It was the end of the holder that ended the wait, not its silence.
    assert "no longer waiting" not in caplog.text
    assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    assert memory_report(tmp_path)["pretrainings_computed"] == 1


def start_holder(folder):
    """Start a process that will fit with a seed, and has imported and traced everything."""
    return subprocess.Popen(
        [*EXECUTABLE, HOLDER, folder],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(stream, beginning):
    while line := stream.readline():
        if line.startswith(beginning):
            return
    raise AssertionError(f"no line {beginning!r}")


@contextmanager
def holders(folder):
    """Yield processes, each of which is ready to fit; the next one imports meanwhile."""
    with ExitStack() as stack:

        def start():
            holder = stack.enter_context(start_holder(folder))
            stack.callback(holder.kill)
            return holder

        def started():
            following = start()
            while True:
                holder, following = following, start()
                read_until(holder.stderr, "ready")
                yield holder

        yield started()


@pytest.mark.slow
def test_fits_go_on_when_holders_of_leases_are_killed(make, tmp_path, caplog):
    X, y = load_data()
    make(**SLOWER, random_state=0).fit(X, y)  # what is traced here is not traced below
    seconds = []
    with holders(tmp_path) as started, ThreadPoolExecutor(1) as pool:
        for seed, holder in enumerate(started, 1):
            params = {**SLOWER, "random_state": seed}
            holder.stdin.write(f"{seed}\n")
            holder.stdin.flush()
            read_until(holder.stderr, "pretrain epoch 1/")
            fit = fit_while_logged(pool, caplog, **params, memory=tmp_path)
            # On a busy machine the holder may have pretrained before the fit asks for the lease.
            wait_for_line(caplog, ("waiting for another process", "fine-tune epoch 1/"))
            time.sleep(random.uniform(0, 1))
            is_waiting = caplog.messages[-1].startswith("waiting for another process")
            holder.kill()
            killed = time.time()
            clf = fit.result(timeout=120)
            assert "no longer waiting" not in caplog.text
            if is_waiting:
                later = (record.created for record in caplog.records if record.created > killed)
                seconds.append(next(later) - killed)
            assert read_entries(tmp_path) >= seed
            expected = make(**params).fit(X, y)
            assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
            assert clf.history_["loss"] == expected.history_["loss"]
            if len(seconds) == KILLS_OF_HOLDERS:
                break
            assert seed < 3 * KILLS_OF_HOLDERS
    print(f"of {seed} kills, a fit waited in {len(seconds)}: at most {max(seconds):.2f} s more")
    assert max(seconds) < 2
