"""Ctrl-C during steps that must run as a whole."""

import signal
import threading
import time

import pytest

from skfashion._interrupts import interrupts_deferred


@pytest.fixture(autouse=True)
def _nothing_is_left(python_handles_signals):
    threads = {*threading.enumerate()}
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert {*threading.enumerate()} <= threads


def test_a_block_runs_to_its_end():
    done = []

    @interrupts_deferred()
    def run():
        signal.raise_signal(signal.SIGINT)
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
        done.append("all")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["all"]


def test_a_block_without_a_signal_changes_nothing():
    with interrupts_deferred():
        pass
    with pytest.raises(ZeroDivisionError), interrupts_deferred():
        raise ZeroDivisionError


def bad(done):
    signal.raise_signal(signal.SIGINT)
    done.append("ended")


def is_bad(frame):
    return frame.f_code is bad.__code__


def test_a_signal_at_a_bad_place_waits_for_a_good_one():
    done = []

    @interrupts_deferred(is_bad)
    def run():
        bad(done)
        for _ in range(500):
            time.sleep(0.01)
        done.append("slept")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["ended"]


def test_a_signal_at_a_good_place_does_not_wait():
    @interrupts_deferred(is_bad)
    def run():
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it waited")

    with pytest.raises(KeyboardInterrupt):
        run()


def test_a_block_may_end_before_a_good_place():
    done = []

    @interrupts_deferred(lambda frame: True)
    def run():
        signal.raise_signal(signal.SIGINT)
        done.append("all")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["all"]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_handler_of_the_system_stays(handler):
    signal.signal(signal.SIGINT, handler)
    with interrupts_deferred():
        assert signal.getsignal(signal.SIGINT) == handler
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_in_other_threads_nothing_is_deferred():
    seen = []

    def run():
        with interrupts_deferred():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
