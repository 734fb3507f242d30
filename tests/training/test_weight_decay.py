"""Decoupled weight decay: each step takes a share of each kernel, as the kernel's rate says."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Backbone, Recipe, TransferClassifier
from skfashion._training.learning_rates import LearningRates
from skfashion._training.optimizer import DepthOptimizer
from skfashion._training.trainer_spec import UpdateSpec

ONE_STEP = {
    "epochs": 1,
    "batch_size": 1000,
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "dtype": "float64",
    "learning_rate": 1e-3,
    "body_learning_rate": 2e-4,
    "layer_decay": 0.5,
}
RATES = {"output": 1e-3, "dense": 1e-3, "conv2": 2e-4, "conv1": 1e-4}
OPTIMIZERS = TransferClassifier._parameter_constraints["optimizer"][0].options


@pytest.fixture(scope="module")
def lt5(lt5):
    """The middle of each image: training in double precision takes long."""
    X, y = lt5
    return X[:, 3:11, 3:11], y


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_kernels_lose_a_share(make, lt5, weights_of, optimizer):
    def fit(decay, **params):
        recipe = Recipe(weight_decay=decay)
        clf = make(optimizer=optimizer, recipe=recipe, **{**ONE_STEP, **params})
        return weights_of(clf.fit(*lt5))

    start, plain, decaying = fit(0.0, epochs=0), fit(0.0), fit(0.1)
    for path, weight in start.items():
        share = 0.1 * RATES[path.split("/")[0]] if path.endswith("kernel") else 0.0
        lost = share * weight
        bound = 1e-4 * np.abs(lost) + 1e-13
        # Adafactor's step is in proportion to the size of the weights, which lost this share.
        if optimizer == "adafactor":
            bound += share * np.abs(plain[path] - weight)
        assert (np.abs(plain[path] - decaying[path] - lost) <= bound).all(), path


def test_biases_of_attention_do_not_decay(lt5):
    # They have an axis for the heads.
    def build(images):
        x = keras.layers.Reshape((4, 16))(keras.layers.Flatten()(images))
        attention = keras.layers.MultiHeadAttention(2, 3, use_bias=True, name="attention")
        return keras.layers.Activation("linear", name="tokens")(attention(x, x))

    backbone = Backbone("attention", build, stages=("tokens",), min_size=8, default_size=11)
    params = {**ONE_STEP, "layer_decay": None, "backbone": backbone, "random_state": 0}
    fits = (
        TransferClassifier(recipe=Recipe(weight_decay=decay), **params).fit(*lt5)
        for decay in (0.0, 0.5)
    )
    plain, decaying = (clf._fitted.weights for clf in fits)
    for path, weight in plain.items():
        decays = path.endswith("kernel")
        assert np.array_equal(weight, decaying[path]) is not decays, path


def test_many_steps_by_depth_are_those_of_adamw():
    rng = np.random.default_rng(0)
    shapes, depths = [(3, 4), (4,), (4, 2), (2,)], [0, 0, None, None]
    start = [rng.normal(size=shape) for shape in shapes]
    gradients = [rng.normal(size=(20, *shape)) for shape in shapes]
    variables, expected = (
        [keras.Variable(each, dtype="float64") for each in start] for _ in range(2)
    )
    spec = UpdateSpec("adam", 0.0, rates_change=False, clips=False, decays=True, averages=False)
    optimizer = DepthOptimizer(spec, variables, depths)
    optimizer.start(LearningRates(1e-2, 1e-3, 1.0, "constant", 0.0, None), weight_decay=0.3)
    by_depth = []
    for rate, group in ((1e-3, expected[:2]), (1e-2, expected[2:])):
        adamw = keras.optimizers.AdamW(rate, weight_decay=0.3)
        adamw.exclude_from_weight_decay(group[1:])
        adamw.build(group)
        by_depth.append(adamw)
    for step in range(20):
        now = [keras.ops.convert_to_tensor(each[step], "float64") for each in gradients]
        optimizer.apply(now)
        by_depth[0].apply(now[:2])
        by_depth[1].apply(now[2:])
    for variable, other in zip(variables, expected, strict=True):
        assert_allclose(variable.value.numpy(), other.value.numpy(), rtol=2e-5)


def test_adamw_has_its_default_unless_a_recipe_says_otherwise(make, lt5, weights_of):
    by_default, none, adam = (
        weights_of(make(optimizer=optimizer, recipe=recipe, **ONE_STEP).fit(*lt5))
        for optimizer, recipe in [
            ("adamw", None),
            ("adamw", Recipe(weight_decay=0)),
            ("adam", None),
        ]
    )
    assert_allclose(none["dense/kernel"], adam["dense/kernel"], rtol=1e-5, atol=2e-8)
    assert np.abs(by_default["dense/kernel"] - none["dense/kernel"]).max() > 1e-7


def test_momentum_is_nesterovs(make, lt5, weights_of):
    """With gradients g1 and g2, two steps move by (1 + m) g1 and then by m^2 g1 + (1 + m) g2."""

    def fit(epochs, momentum):
        params = {**ONE_STEP, "epochs": epochs, "optimizer": "sgd", "body_learning_rate": 1e-3}
        params["layer_decay"] = None
        return weights_of(make(recipe=Recipe(momentum=momentum), **params).fit(*lt5))

    start, plain, once, twice = fit(0, None), fit(1, None), fit(1, 0.9), fit(2, 0.9)
    # Plain descent by 1.9 times the rate is where the first step with momentum leads to.
    for path, weight in start.items():
        step = plain[path] - weight
        assert_allclose(once[path] - weight, 1.9 * step, rtol=1e-5, atol=1e-12)
    params = {**ONE_STEP, "optimizer": "sgd", "body_learning_rate": None, "layer_decay": None}
    params |= {"learning_rate": 1.9e-3, "warm_start": True}
    clf = make(**params).fit(*lt5)
    middle = weights_of(clf)
    second = weights_of(clf.set_params(learning_rate=1e-3).fit(*lt5))
    for path, weight in start.items():
        g1, g2 = plain[path] - weight, second[path] - middle[path]
        assert_allclose(middle[path], once[path], rtol=1e-5, atol=1e-12)
        expected = 0.81 * g1 + 1.9 * g2
        assert_allclose(twice[path] - once[path], expected, rtol=1e-3, atol=1e-9)


def test_a_rate_of_decay_is_a_number_at_run_time(make, lt5, weights_of):
    one, other, again = (
        weights_of(make(recipe=Recipe(weight_decay=decay), **ONE_STEP).fit(*lt5))
        for decay in (0.5, 0.1, 0.5)
    )
    assert_array_equal(one["dense/kernel"], again["dense/kernel"])
    assert np.abs(one["dense/kernel"] - other["dense/kernel"]).max() > 1e-7
