"""The pool of idle trainers by itself: each is lent to one fit at a time, and few are kept."""

from collections import OrderedDict

import pytest

from skfashion._training import trainer_pool
from skfashion._training.trainer_pool import borrow_trainer


class CountedTrainer:
    """Stands in for a trainer, which would be built and traced for each specification."""

    built = 0

    def __init__(self, spec):
        type(self).built += 1
        self.spec, self.nbytes, self.released = spec, 1000, 0

    def release(self):
        self.released += 1


@pytest.fixture(autouse=True)
def empty_pool(monkeypatch):
    monkeypatch.setattr(trainer_pool, "_idle", OrderedDict())
    monkeypatch.setattr(trainer_pool, "Trainer", CountedTrainer)
    monkeypatch.setattr(CountedTrainer, "built", 0)


def idle_specs():
    return [spec for spec, trainers in trainer_pool._idle.items() for _ in trainers]


def test_a_trainer_that_came_back_is_lent_again():
    with borrow_trainer("a") as first:
        assert first.spec == "a"
        assert idle_specs() == []
    with borrow_trainer("a") as again:
        assert again is first
    assert first.released == 2
    assert CountedTrainer.built == 1


def test_two_fits_at_a_time_have_a_trainer_each():
    with borrow_trainer("a") as one, borrow_trainer("a") as other:
        assert one is not other
    assert idle_specs() == ["a", "a"]
    with borrow_trainer("a"):
        assert idle_specs() == ["a"]


def test_another_specification_gets_another_trainer():
    with borrow_trainer("a") as one:
        pass
    with borrow_trainer("b") as other:
        assert other is not one
    assert idle_specs() == ["a", "b"]


def test_a_fit_that_fails_gives_its_trainer_back():
    with pytest.raises(KeyboardInterrupt), borrow_trainer("a") as trainer:
        raise KeyboardInterrupt
    assert trainer.released == 1
    assert idle_specs() == ["a"]


def test_the_least_recently_used_go_first(monkeypatch):
    monkeypatch.setattr(trainer_pool, "MAX_IDLE_TRAINERS", 2)
    for spec in "abac":
        with borrow_trainer(spec):
            pass
    assert idle_specs() == ["a", "c"]


def test_large_trainers_go_but_the_last_one(monkeypatch):
    monkeypatch.setattr(trainer_pool, "MAX_IDLE_BYTES", 500)
    for spec in "ab":
        with borrow_trainer(spec):
            pass
        assert idle_specs() == [spec]


def test_trainers_of_just_the_largest_size_stay(monkeypatch):
    monkeypatch.setattr(trainer_pool, "MAX_IDLE_BYTES", 2000)
    for spec in "ab":
        with borrow_trainer(spec):
            pass
    assert idle_specs() == ["a", "b"]
