"""Random streams: reproducible, independent of each other, and without global state."""

import numpy as np
import pytest

from skfashion._random_streams import RandomStreams


def test_a_name_gives_the_same_numbers_in_any_order():
    streams = RandomStreams(3)
    first = streams.integer("weights", "conv1"), streams.integer("shuffle", 0)
    assert (streams.integer("shuffle", 0), streams.integer("weights", "conv1")) == first[::-1]
    assert RandomStreams(3).integer("weights", "conv1") == first[0]
    assert RandomStreams(np.int64(3)).integer("weights", "conv1") == first[0]


def test_names_and_seeds_give_other_numbers():
    seeds = {
        RandomStreams(seed).integer(*name)
        for seed in (0, 1)
        for name in (("a",), ("b",), ("a", 0), ("a", 1))
    }
    assert len(seeds) == 8
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_numbers_are_those_of_earlier_releases():
    assert RandomStreams(0).integer("weights", "conv1/kernel") == 1889051972
    assert RandomStreams(0).generator("shuffle", "fine-tune", 0).permutation(6).tolist() == [
        1,
        5,
        2,
        3,
        4,
        0,
    ]


def test_a_random_state_is_drawn_from_once():
    state, same = np.random.RandomState(5), np.random.RandomState(5)
    assert RandomStreams(state).root == RandomStreams(same).root
    assert RandomStreams(state).root != RandomStreams(np.random.RandomState(5)).root


def test_none_takes_entropy_and_leaves_the_global_state():
    before = np.random.get_state()[1].copy()
    assert RandomStreams(None).root != RandomStreams(None).root
    RandomStreams(None).generator("x").random()
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize("random_state", [0, None])
def test_generators_of_one_name_begin_anew(random_state):
    streams = RandomStreams(random_state)
    assert streams.generator("a").random() == streams.generator("a").random()
