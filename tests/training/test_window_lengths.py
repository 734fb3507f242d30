"""Windows of training take about half a second, and their cuts change no bit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion._training import window_lengths
from skfashion._training.window_lengths import SECONDS, WindowLengths


def lengths_of(windows, n_rows, batch_size=10, most_rows=10**9):
    cuts = [*windows.windows(n_rows, batch_size, most_rows)]
    assert np.concatenate([np.arange(n_rows)[cut] for cut in cuts]).tolist() == [*range(n_rows)]
    return [cut.stop - cut.start for cut in cuts]


def train_epoch(windows, n_rows, rows_per_second):
    """Adapt to windows of an epoch as a trainer does; return the longest one in seconds."""
    longest = 0
    for cut in windows.windows(n_rows, 10, 10**9):
        n_window = cut.stop - cut.start
        longest = max(longest, n_window / rows_per_second)
        windows.adapt(n_window, n_window / rows_per_second)
    return longest


def test_the_first_window_is_a_batch():
    assert lengths_of(WindowLengths(), 35) == [10, 10, 10, 5]


@pytest.mark.parametrize("rows_per_second", [1, 100, 10_000])
def test_they_grow_to_the_time_and_not_beyond(rows_per_second):
    windows = WindowLengths()
    for _ in range(3):
        longest = train_epoch(windows, 20_000, rows_per_second)
        assert longest <= max(SECONDS, 10 / rows_per_second)
    (first, *_) = lengths_of(windows, 20_000)
    assert first > 0.9 * rows_per_second * SECONDS - 10


def test_they_shrink_where_training_becomes_slower():
    windows = WindowLengths()
    train_epoch(windows, 100_000, 10_000)
    train_epoch(windows, 10_000, 1_000)
    assert lengths_of(windows, 10_000)[0] == 1_000 * SECONDS


def test_a_short_end_of_an_epoch_says_nothing():
    windows = WindowLengths()
    train_epoch(windows, 100_000, 10_000)
    before = lengths_of(windows, 100_000)
    windows.adapt(3, 0.01)
    assert lengths_of(windows, 100_000) == before


def test_they_are_bounded_in_rows():
    windows = WindowLengths()
    train_epoch(windows, 100_000, 10_000)
    assert lengths_of(windows, 100, most_rows=45) == [40, 40, 20]
    assert lengths_of(windows, 30, most_rows=5) == [10, 10, 10]


def test_cuts_change_no_bit(make, lt5, monkeypatch):
    params = {
        "augmentation": ["flip", "rotate"],
        "early_stopping": True,
        "schedule": "cosine",
        "batch_size": 8,
    }
    fits, n_windows, adapt = [], [], WindowLengths.adapt

    def count_and_adapt(self, n_rows, seconds):
        n_windows[-1] += 1
        adapt(self, n_rows, seconds)

    monkeypatch.setattr(WindowLengths, "adapt", count_and_adapt)
    for seconds in (0.0, 100.0):
        monkeypatch.setattr(window_lengths, "SECONDS", seconds)
        n_windows.append(0)
        fits.append(make(**params).fit(*lt5))
    assert n_windows[0] > n_windows[1]
    one, other = fits
    assert_array_equal(one.predict_proba(lt5[0]), other.predict_proba(lt5[0]))
    assert one.history_["val_loss"] == other.history_["val_loss"]
    assert one.history_["loss"] == other.history_["loss"]
