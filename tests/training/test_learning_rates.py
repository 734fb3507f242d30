"""Learning rates by depth, their schedule, and bounded gradients."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Recipe, TransferClassifier
from skfashion._backbones.recipe import resolve_recipe
from skfashion._backbones.registry import get_backbone
from skfashion._random_streams import RandomStreams
from skfashion._training.learning_rates import LearningRates

OPTIMIZERS = TransferClassifier._parameter_constraints["optimizer"][0].options
# One full batch without dropout, and plain gradient descent: what a weight moves by is its rate
# times its gradient.
ONE_STEP = {
    "optimizer": "sgd",
    "epochs": 1,
    "batch_size": 1000,
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "dtype": "float64",
}


@pytest.fixture
def moves(make, lt5, weights_of):
    """Return what each weight moves by in a fit."""

    def moves(**params):
        params = {**ONE_STEP, **params}
        before = weights_of(make(**{**params, "epochs": 0}).fit(*lt5))
        after = weights_of(make(**params).fit(*lt5))
        return {path: after[path] - before[path] for path in before}

    return moves


def test_body_and_head_have_rates_of_their_own(moves):
    plain = moves(learning_rate=1e-3)
    apart = moves(learning_rate=2e-3, body_learning_rate=5e-4)
    for path, move in plain.items():
        assert_allclose(
            apart[path], (0.5 if path.startswith("conv") else 2) * move, rtol=1e-6, atol=1e-14
        )


def test_rates_decay_with_depth(moves):
    plain, decaying = moves(learning_rate=1e-3), moves(learning_rate=1e-3, layer_decay=0.25)
    factors = {"conv1": 0.25, "conv2": 1.0, "dense": 1.0, "output": 1.0}
    for path, move in plain.items():
        assert_allclose(decaying[path], factors[path.split("/")[0]] * move, rtol=1e-6, atol=1e-14)


def test_gradients_are_bounded_together(moves):
    free = moves(learning_rate=1e-3, clip_norm=np.inf)
    norm = np.sqrt(sum((move**2).sum() for move in free.values()))
    half = moves(learning_rate=1e-3, clip_norm=norm * 1e3 / 2)
    for path, move in free.items():
        assert_allclose(half[path], move / 2, rtol=1e-5, atol=1e-14)
    wide = moves(learning_rate=1e-3, clip_norm=norm * 1e3 * 2)
    for path, move in free.items():
        assert_allclose(wide[path], move, rtol=1e-6, atol=1e-14)


def expected_height(before, after, warmup, schedule):
    rising = min(1.0, after / warmup) if warmup else 1.0
    falling = max(0.0, (before - warmup) / (1 - warmup))
    height = {"constant": 1.0, "linear": 1 - falling, "cosine": (1 + np.cos(np.pi * falling)) / 2}
    return rising * height[schedule]


def descend(weights, inputs, y, steps):
    """Return the output layer after plain descent: each step has the rows of a batch and a rate."""
    kernel, bias = weights["output/kernel"].copy(), weights["output/bias"].copy()
    for rows, rate in steps:
        logits = inputs[rows] @ kernel + bias
        error = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = error / error.sum(axis=1, keepdims=True) - np.eye(5)[y[rows]]
        kernel -= rate * inputs[rows].T @ error / len(rows)
        bias -= rate * error.mean(axis=0)
    return kernel, bias


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
@pytest.mark.parametrize("warmup", [0.0, 0.3, 0.5])
def test_rates_follow_their_course(make, lt5, schedule, warmup, weights_of):
    params = {**ONE_STEP, "freeze_until": "dense", "learning_rate": 0.1}
    shared = {"schedule": schedule, "warmup": warmup, **params}
    stages = [
        make(**{**shared, "epochs": 4, "random_state": 0, "batch_size": size}).fit(*lt5)
        for size in (50, 1000)
    ]
    assert stages[0].history_["loss"][-1] < stages[0].history_["loss"][0]
    # Plain descent on the output layer alone, in NumPy, along the same course.
    clf, (X, y) = stages[1], lt5
    start = make(**{**shared, "epochs": 0}).fit(X, y)
    inputs = hidden_layer(start, X)
    weights = weights_of(start)
    heights = [expected_height(n / 4, (n + 1) / 4, warmup, schedule) for n in range(4)]
    kernel, bias = descend(weights, inputs, y, [(np.arange(100), 0.1 * h) for h in heights])
    trained = weights_of(clf)
    assert_allclose(trained["output/kernel"], kernel, rtol=1e-5, atol=1e-8)
    assert_allclose(trained["output/bias"], bias, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_batches_follow_the_course_and_the_last_one_may_be_smaller(make, lt5, schedule, weights_of):
    X, y = lt5
    params = {**ONE_STEP, "freeze_until": "dense", "learning_rate": 0.1, "batch_size": 40}
    shared = {**params, "schedule": schedule, "warmup": 0.6}
    start, end = (make(**{**shared, "epochs": n}).fit(X, y) for n in (0, 2))
    steps = []
    for epoch in range(2):
        order = RandomStreams(0).generator("shuffle", "fine-tune", epoch).permutation(100)
        for first, last in ((0, 40), (40, 80), (80, 100)):
            done = ((epoch + n / 100) / 2 for n in (first, last))
            steps.append((order[first:last], 0.1 * expected_height(*done, 0.6, schedule)))
    kernel, bias = descend(weights_of(start), hidden_layer(start, X), y, steps)
    assert_allclose(weights_of(end)["output/kernel"], kernel, rtol=1e-5, atol=1e-8)
    assert_allclose(weights_of(end)["output/bias"], bias, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_a_step_is_that_of_keras_at_its_default_rate(make, lt5, weights_of, optimizer):
    X, y = lt5
    params = {**ONE_STEP, "optimizer": optimizer, "freeze_until": "dense"}
    start, end = (make(**{**params, "epochs": n}).fit(X, y) for n in (0, 1))
    error = start.predict_proba(X) - np.eye(5)[y]
    gradients = hidden_layer(start, X).T @ error / len(y), error.mean(axis=0)
    names = "output/kernel", "output/bias"
    variables = [keras.Variable(weights_of(start)[name], dtype="float64") for name in names]
    of_keras = keras.optimizers.get(optimizer)
    of_keras.build(variables)
    of_keras.apply([keras.ops.convert_to_tensor(each, "float64") for each in gradients])
    for name, variable in zip(names, variables, strict=True):
        assert_allclose(weights_of(end)[name], variable.numpy(), rtol=1e-4, atol=1e-7)


def hidden_layer(clf, X):
    model = clf.model_.get_layer("network")
    hidden = keras.Model(model.inputs[0], model.get_layer("dense").output)
    return hidden.predict(X[..., None].astype("float64"), verbose=0)


def test_partial_fit_has_no_course_of_its_own(make, lt5, body_path):
    X, y = lt5
    row = replace(get_backbone("small_cnn"), name="cosine", fine_tuning=Recipe(schedule="cosine"))
    by_recipe, constant = (
        make(backbone=row, weights=body_path, epochs=1, schedule=schedule)
        for schedule in (None, "constant")
    )
    for clf in (by_recipe, constant):
        for _ in range(3):
            clf.partial_fit(X, y, classes=range(5))
    assert_array_equal(by_recipe.predict_proba(X), constant.predict_proba(X))


def resolve(params, recipe):
    resolved = resolve_recipe(params, recipe, "fine-tune")
    return LearningRates.resolve(resolved, 0.01, params.learning_rate, params.body_learning_rate)


def test_options_come_from_the_recipe_unless_they_are_given(make):
    recipe = Recipe(2.0, 0.1, 0.5, "cosine", 0.1, 3.0)
    chosen = resolve(make(), recipe)
    assert chosen == LearningRates(0.02, pytest.approx(0.002), 0.5, "cosine", 0.1, 3.0)
    assert chosen.peak_rate(None) == 0.02
    assert chosen.peak_rate(2) == pytest.approx(0.0005)
    given = make(learning_rate=1.0, schedule="constant", warmup=0, clip_norm=np.inf, layer_decay=1)
    assert resolve(given, recipe) == LearningRates(1.0, 0.1, 1, "constant", 0, None)
    assert resolve(make(body_learning_rate=7.0), recipe).body_learning_rate == 7.0


@pytest.mark.parametrize("given_weights", [False, True])
def test_recipe_depends_on_where_the_body_starts(make, lt5, body_path, given_weights, weights_of):
    row = get_backbone("small_cnn")
    named = replace(
        row,
        name="two_recipes",
        from_scratch=Recipe(head_factor=0.5),
        fine_tuning=Recipe(body_factor=0.25, clip_norm=0.1),
    )
    start = {"weights": body_path if given_weights else None, "freeze_until": 0}
    explicit = (
        {"body_learning_rate": 0.00025, "clip_norm": 0.1}
        if given_weights
        else {"learning_rate": 0.0005}
    )
    by_recipe = make(backbone=named, **start).fit(*lt5)
    by_hand = make(**start, **explicit).fit(*lt5)
    weights = weights_of(by_recipe)
    for path, weight in weights_of(by_hand).items():
        assert_array_equal(weights[path], weight)
