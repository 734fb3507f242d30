"""The thread that reads ahead ends with the loop that it reads for."""

import threading
import time
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from skfashion._data.decoded_rows import DecodedRows
from skfashion._data.image_decoding import ImageDecoder
from skfashion._data.read_ahead import get_stop_check, read_ahead


class Slow:
    is_slow = True


def test_items_come_in_order():
    with closing(read_ahead(iter(range(5)), Slow())) as items:
        assert [*items] == [*range(5)]
    assert [*read_ahead(iter(range(5)), None)] == [*range(5)]


def test_an_error_ends_the_thread_though_the_traceback_is_kept():
    def read():
        yield 1
        is_stopped = get_stop_check()
        while not is_stopped():
            time.sleep(0.001)
        yield 2

    def use():
        with closing(read_ahead(read(), Slow())) as items:
            for _ in items:
                raise KeyboardInterrupt

    threads = {*threading.enumerate()}
    with pytest.raises(KeyboardInterrupt) as caught:
        use()
    assert caught.tb is not None
    assert {*threading.enumerate()} <= threads
    assert not get_stop_check()()


class CountingDecoder(ImageDecoder):
    def decode(self, source):
        type(self).count += 1
        time.sleep(0.01)
        return super().decode(source)


def test_decoding_stops_when_nobody_waits():
    CountingDecoder.count = 0
    images = [Image.fromarray(np.zeros((4, 4), np.uint8))] * 400
    rows = DecodedRows(images, CountingDecoder((4, 4, 1), "crop"))
    parts = (rows[part] for part in (slice(0, 2), slice(2, 400)))
    with closing(read_ahead(parts, rows)) as items:
        next(items)
    assert CountingDecoder.count < 100
    # What was not decoded does not count as read.
    assert rows.is_slow
    assert rows[:].shape == (400, 16)
    assert CountingDecoder.count >= 400
