"""Calls in several threads: every item once, and nothing after an error."""

from threading import Barrier, Event
from time import sleep

import pytest

from skfashion._keras.threads import call_in_threads


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_item_is_taken_once(n_threads):
    taken = []
    call_in_threads(taken.append, iter(range(100)), n_threads)
    assert sorted(taken) == list(range(100))


def test_two_calls_run_at_a_time():
    both = Barrier(2, timeout=60)
    call_in_threads(lambda _: both.wait(), range(4), 2)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_no_item_is_read_after_an_error_of_the_function(n_threads):
    read, failed = [], Event()

    def items():
        for number in range(1_000):
            read.append(number)
            yield number

    def fail_once(number):
        if number == 3:
            failed.set()
            raise OSError("no more")
        if number > 3:
            assert failed.wait(60)
            sleep(0.05)

    with pytest.raises(OSError, match="no more"):
        call_in_threads(fail_once, items(), n_threads)
    assert len(read) < 10


def test_an_error_of_the_items_is_raised():
    def items():
        yield 0
        raise ValueError("broken file")

    with pytest.raises(ValueError, match="broken file"):
        call_in_threads(lambda _: None, items(), 2)
