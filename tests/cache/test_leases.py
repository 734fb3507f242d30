"""Leases by themselves: who waits for whom, for how long, and what ends a wait."""

import _thread
import errno
import logging
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import filelock
import numpy as np
import pytest

from skfashion import clear_memory
from skfashion._cache import leases
from skfashion._cache.leases import PHASE, ROWS
from skfashion._cache.store import Store

ROOT = Path(__file__).parents[2]
unix_only = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no such signals")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@contextmanager
def held_by_another_thread(store, *lease):
    """Hold a lease in another thread during a block."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold():
        with store.lease(*lease):
            is_held.set()
            is_over.wait(20)

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(hold)
        try:
            assert is_held.wait(20)
            yield is_over
        finally:
            is_over.set()
        holder.result()


def is_free(store, *lease):
    with store.lease(*lease, wait=False) as free:
        return free


def lock_files(store):
    return sorted(path.name for path in (store.folder / "locks").iterdir())


# -- Who waits ---------------------------------------------------------------------------------


def test_a_lease_is_free_again_after_its_block(store):
    for kind in PHASE, ROWS:
        with held_by_another_thread(store, kind, "a"):
            assert not is_free(store, kind, "a")
        assert is_free(store, kind, "a")


def test_an_error_in_the_block_frees_it(store):
    with pytest.raises(ZeroDivisionError), store.lease(PHASE, "a"):
        raise ZeroDivisionError
    with held_by_another_thread(store, PHASE, "a"):
        pass


def test_other_kinds_keys_parts_and_folders_are_free(store, tmp_path):
    with held_by_another_thread(store, ROWS, "a", (1, 2)):
        assert is_free(store, PHASE, "a")
        assert is_free(store, ROWS, "b", (1, 2))
        assert is_free(store, ROWS, "a", (0, 3))
        assert is_free(Store(tmp_path / "other"), ROWS, "a", (1, 2))
        assert not is_free(store, ROWS, "a", (0, 2))
        # What was locked before the part that was not free is free again.
        with held_by_another_thread(store, ROWS, "a", (0,)):
            pass


def test_a_wait_ends_with_the_holder_and_is_logged(store, caplog):
    caplog.set_level(logging.INFO, "skfashion")
    with held_by_another_thread(store, PHASE, "a") as is_over, ThreadPoolExecutor(1) as pool:
        begin = time.monotonic()
        waiter = pool.submit(time_of_entering, store.lease(PHASE, "a"))
        time.sleep(0.3)
        assert not waiter.done()
        is_over.set()
        assert waiter.result(timeout=20) - begin > 0.25
    (message,) = caplog.messages
    assert message.startswith("waiting for another process that computes the same training")


def test_who_does_not_wait_logs_nothing(store, caplog):
    caplog.set_level(logging.INFO, "skfashion")
    with store.lease(PHASE, "a"), store.lease(ROWS, "a"):
        pass
    with held_by_another_thread(store, ROWS, "a"):
        assert not is_free(store, ROWS, "a")
    assert caplog.messages == []


def test_keys_share_a_bounded_number_of_files(store):
    for number in range(3 * leases.N_LOCKS[ROWS]):
        with store.lease(ROWS, f"{number:040x}") as free:
            assert free
    assert len(lock_files(store)) == leases.N_LOCKS[ROWS]
    for kind in PHASE, ROWS:
        with held_by_another_thread(store, kind, "1"):
            assert not is_free(store, kind, f"{leases.N_LOCKS[kind] + 1:x}")


def test_trainings_seldom_share_a_lock(store):
    with held_by_another_thread(store, PHASE, "0"):
        assert all(is_free(store, PHASE, f"{number:x}") for number in range(64, 4096, 64))
    assert len(lock_files(store)) == 4096 / 64


# -- No deadlock -------------------------------------------------------------------------------


def test_a_thread_does_not_wait_for_itself(store):
    with store.lease(PHASE, "a"), store.lease(PHASE, "a") as free:
        assert free
        assert not held_elsewhere_is_free(store)
    # The end of the inner block does not end the lease of the outer one.
    with store.lease(PHASE, "a"):
        with store.lease(PHASE, "a"):
            pass
        assert not held_elsewhere_is_free(store)
    assert held_elsewhere_is_free(store)


def entered(lease):
    with lease as free:
        return free


def time_of_entering(lease):
    """Return the time at which a lease was held."""
    assert entered(lease)
    return time.monotonic()


def held_elsewhere_is_free(store):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(is_free, store, PHASE, "a").result()


def test_a_thread_that_holds_a_lease_waits_for_later_ones_only(store):
    with held_by_another_thread(store, PHASE, "a"), store.lease(ROWS, "a"):
        # It returns, although another thread holds the lease.
        assert entered(store.lease(PHASE, "a"))
    with held_by_another_thread(store, ROWS, "a"), store.lease(PHASE, "a"):
        assert not is_free(store, ROWS, "a")


def test_threads_that_take_leases_in_any_order_all_end(store, monkeypatch):
    monkeypatch.setattr(leases, "_POLL_AFTER", 0.001)
    monkeypatch.setattr(leases, "N_LOCKS", {PHASE: 3, ROWS: 3})

    def work(seed):
        draw = random.Random(seed)
        for _ in range(20):
            parts = draw.sample(range(4), draw.randint(1, 4))
            kinds = draw.choices([PHASE, ROWS], k=2)
            with store.lease(kinds[0], f"{draw.randrange(6)}", parts):
                time.sleep(0.0005)
                with store.lease(kinds[1], f"{draw.randrange(6)}", parts):
                    time.sleep(0.0005)
        return True

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(work, range(6), timeout=60))


# -- What ends a wait --------------------------------------------------------------------------

HOLD = """
import sys, time
from skfashion._cache import leases
from skfashion._cache.store import Store
leases.RENEW_AFTER = 0.1
store = Store(sys.argv[1])
with store.lease("phase", "a"), store.lease("rows", "a", range(int(sys.argv[2]))):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def holder_process(folder, n_parts=2):
    command = [sys.executable, "-c", HOLD, folder, str(n_parts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@unix_only
def test_a_holder_is_waited_for_while_it_runs_not_while_it_is_stopped_or_dead(
    store, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(leases, "MOST_SILENCE", 1.0)
    caplog.set_level(logging.INFO, "skfashion")
    with holder_process(tmp_path) as process, ThreadPoolExecutor(2) as pool:
        waiter = pool.submit(time_of_entering, store.lease(ROWS, "a", (1, 2)))
        time.sleep(2)
        assert not waiter.done()
        process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        assert waiter.result(timeout=20) - stopped > 0.8
        assert caplog.messages[-1].startswith("no longer waiting")
        # From here on only the end of the holder ends a wait.
        monkeypatch.setattr(leases, "MOST_SILENCE", 120.0)
        process.send_signal(signal.SIGCONT)
        waiter = pool.submit(time_of_entering, store.lease(ROWS, "a", (1, 2)))
        time.sleep(0.2)
        assert not waiter.done()
        process.kill()
        waiter.result(timeout=20)
    assert caplog.messages[-1].startswith("waiting for another process")
    assert is_free(store, PHASE, "a")


def enter_parts(store, parts):
    """Enter the leases of parts as workers with many rows do: one by one, free ones first."""
    for part in parts:
        is_free(store, ROWS, "a", (part,))
    for part in parts:
        assert entered(store.lease(ROWS, "a", (part,)))


@unix_only
@pytest.mark.parametrize("are_parts_alone", [False, True])
def test_a_stopped_holder_of_all_parts_costs_one_wait(
    store, tmp_path, monkeypatch, caplog, are_parts_alone
):
    monkeypatch.setattr(leases, "MOST_SILENCE", 1.0)
    caplog.set_level(logging.INFO, "skfashion")

    def enter():
        if are_parts_alone:
            enter_parts(store, range(8))
        else:
            assert entered(store.lease(ROWS, "a", range(8)))

    def count(beginning):
        return sum(message.startswith(beginning) for message in caplog.messages)

    with holder_process(tmp_path, n_parts=8) as process, ThreadPoolExecutor(1) as pool:
        process.send_signal(signal.SIGSTOP)
        enter()
        # The waits for parts that are entered one by one overlap, except for the poll intervals.
        n_waits = count("no longer waiting")
        assert 1 <= n_waits <= (3 if are_parts_alone else 1)
        enter()
        enter()
        assert count("waiting for another process") == n_waits
        # A holder that continues is waited for again.
        process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        waiter = pool.submit(enter)
        time.sleep(2)
        assert not waiter.done()
        process.kill()
        waiter.result(timeout=20)
    assert count("no longer waiting") == n_waits


def test_a_later_holder_of_a_file_is_waited_for(store, monkeypatch):
    with held_by_another_thread(store, PHASE, "a"):
        assert not is_free(store, PHASE, "a")
    # The first holder was seen an hour ago, and has renewed nothing.
    hour_ago = time.monotonic() - 3600
    for path, (renewal, _) in leases._last_renewals.items():
        monkeypatch.setitem(leases._last_renewals, path, (renewal, hour_ago))
    with held_by_another_thread(store, PHASE, "a") as is_over, ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(entered, store.lease(PHASE, "a"))
        time.sleep(0.5)
        assert not waiter.done()
        is_over.set()
        assert waiter.result(timeout=20)


@pytest.mark.usefixtures("python_handles_signals")
def test_ctrl_c_ends_a_wait_before_the_holder_does(store, caplog):
    caplog.set_level(logging.INFO, "skfashion")
    with held_by_another_thread(store, PHASE, "a"):
        timer = threading.Timer(0.2, _thread.interrupt_main)
        timer.start()
        with pytest.raises(KeyboardInterrupt), store.lease(PHASE, "a"):
            pass
        # It was Ctrl-C that ended the wait, not the silence of the holder.
        (message,) = caplog.messages
        assert message.startswith("waiting for another process")
        assert not is_free(store, PHASE, "a")
        timer.join()
    assert is_free(store, PHASE, "a")


# -- The folder --------------------------------------------------------------------------------


def test_a_folder_that_cannot_lock_warns_once(store, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock, "lock_descriptor", fail)
    message = r"memory='.*' is on a file system that cannot lock files \(OSError: .*No locks"
    with pytest.warns(UserWarning, match=message) as record, store.lease(PHASE, "a") as free:
        assert free
    assert record[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with store.lease(ROWS, "b", range(8)) as free:
            assert free


def test_a_folder_that_cannot_be_written_to_is_not_waited_for(tmp_path):
    (tmp_path / "skfashion").write_text("in the way")
    with Store(tmp_path).lease(PHASE, "a") as free:
        assert free
    assert [path.name for path in tmp_path.iterdir()] == ["skfashion"]


def test_lock_files_take_no_room_and_stay_when_room_is_made(tmp_path):
    store = Store(tmp_path, limit=10_000)
    with held_by_another_thread(store, ROWS, "a", range(8)):
        store.save("entry", {"x": np.zeros(500)})
        n_bytes = store.n_bytes
        assert n_bytes == (store.folder / "entries" / "entry.entry").stat().st_size
        assert store.make_room(10_000)
        assert store.n_bytes == 0
        assert len(lock_files(store)) == 8
        assert not is_free(store, ROWS, "a")


def test_a_folder_may_be_cleared_while_leases_are_held(store, tmp_path):
    with held_by_another_thread(store, PHASE, "a"):
        clear_memory(tmp_path)
        with store.lease(PHASE, "a") as free:
            assert free
            store.save("entry", {"x": np.zeros(3)})
    assert store.load("entry") is not None
    assert is_free(store, PHASE, "a")
