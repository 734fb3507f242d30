"""Rates of dropout: numbers at run time, which change a fit and no graph."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import load, memory_report
from skfashion._networks import batch_function
from skfashion._training import trainer
from tests.class_split import GTE5

RATES = ("dropout", "feature_dropout")


@pytest.fixture
def traced(monkeypatch):
    """Return a list that grows by a name with each function that is traced."""
    names = []
    for module in (trainer, batch_function):
        trace = module.trace

        def counted(function, *signature, trace=trace):
            names.append(function.__qualname__)
            return trace(function, *signature)

        monkeypatch.setattr(module, "trace", counted)
    return names


@pytest.mark.parametrize("name", RATES)
def test_another_rate_is_another_fit_of_the_same_graph(make, lt5, name, traced, weights_of):
    params = {"hidden_units": 41 + RATES.index(name)}  # no other test has traced these

    def weights(rate):
        return weights_of(make(**params, **{name: rate}).fit(*lt5))["output/kernel"]

    low = weights(0.1)
    before = len(traced)
    assert before
    high = weights(0.7)
    assert np.abs(high - low).max() > 1e-4
    assert_array_equal(weights(0.1), low)
    assert len(traced) == before
    weights(0.0)
    assert len(traced) > before


def test_a_rate_near_one_drops_nearly_all(make, lt5):
    loss = [
        make(dropout=rate, feature_dropout=rate, epochs=8).fit(*lt5).history_["loss"][-1]
        for rate in (0.05, 0.98)
    ]
    assert loss[0] < 1.2 < loss[1]


def test_the_model_has_the_rates_of_its_fit(make, lt5, tmp_path):
    clf = make(dropout=0.125, feature_dropout=0.375, epochs=1).fit(*lt5)
    clf.set_params(dropout=0.9)
    path = tmp_path / "classifier.skf"
    clf.save(path)
    for each in (clf, load(path)):
        network = each.model_.get_layer("network")
        assert [network.get_layer(name).rate for name in RATES] == [0.125, 0.375]


def test_a_pretraining_is_found_for_its_own_rate_only(make, fashion, tmp_path):
    for rate in (0.2, 0.4, 0.2):
        make(pretrain_classes=GTE5, dropout=rate, memory=tmp_path).fit(*fashion)
    report = memory_report(tmp_path)
    assert (report["pretrainings_computed"], report["pretrainings_found"]) == (2, 1)


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize(("before", "after"), [(0.3, 0.6), (0.3, 0.0), (0.0, 0.3)])
def test_the_optimizer_goes_on_at_another_rate(make, lt5, name, before, after):
    continued, fresh = (
        make(**{name: before}).partial_fit(*lt5, classes=range(5)) for _ in range(2)
    )
    fresh._optimizer_state = None
    losses = [
        each.set_params(**{name: after}).partial_fit(*lt5).history_["loss"][-1]
        for each in (continued, fresh)
    ]
    assert losses[0] != losses[1]


def test_the_optimizer_goes_on_at_the_same_size_given_otherwise(make, lt5, assert_same):
    given, left = (make().partial_fit(*lt5, classes=range(5)) for _ in range(2))
    given.set_params(input_size=14).partial_fit(*lt5)
    assert_same(given, left.partial_fit(*lt5), lt5[0])
