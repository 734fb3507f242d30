"""What a traced function leaves in TensorFlow when it is dropped: nothing."""

import gc
from collections import OrderedDict

import pytest
import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

from skfashion._keras.tensorflow import gradient_registry
from skfashion._keras.tracing import trace
from skfashion._training import trainer_pool

SIGNATURE = tf.TensorSpec([None], tf.float32)


def registered():
    return {name for name in gradient_registry.list() if name.startswith("CustomGradient-")}


@tf.custom_gradient
def double(x):
    return 2 * x, lambda upstream: 5 * upstream


def loop(x):
    return tf.while_loop(lambda n, _: n < 1, lambda n, x: (n + 1, double(x)), (0, x))[1]


@pytest.mark.parametrize("function", [double, loop], ids=["in the graph", "in a loop"])
def test_the_gradients_of_a_dropped_function_are_no_longer_registered(function):
    before = registered()
    traced = trace(function, SIGNATURE)
    assert registered() > before
    del traced
    gc.collect()
    assert registered() == before


def test_a_function_can_be_differentiated_while_it_is_kept():
    traced, x = trace(double, SIGNATURE), tf.ones(3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = traced(x)
    assert tape.gradient(y, x).numpy().tolist() == [5, 5, 5]


def test_gradients_of_other_graphs_stay():
    with tf.Graph().as_default():
        x = tf.ones(3)
        y = double(x)
        trace(double, SIGNATURE)
        gc.collect()
        assert tf.gradients(y, x)[0] is not None


def test_an_evicted_trainer_leaves_no_graph(make, fashion, monkeypatch):
    monkeypatch.setattr(trainer_pool, "MAX_IDLE_TRAINERS", 1)
    monkeypatch.setattr(trainer_pool, "_idle", OrderedDict())
    before, counts = count_training_graphs(), []
    # Each width has a trainer. Rates of dropout would share one.
    for width in (21, 22, 23):
        make(epochs=1, hidden_units=width).fit(fashion[0][::5], fashion[1][::5])
        counts.append(count_training_graphs() - before)
    assert counts == [1, 1, 1]


def count_training_graphs():
    gc.collect()
    graphs = [each for each in gc.get_objects() if type(each) is FuncGraph]
    return sum(each.name == "_train_window" for each in graphs)
