"""Learning rates by depth, their course, bounded gradients, and thawing."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from conftest import GTE5
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import Recipe
from skfashion._backbones.registry import get_backbone
from skfashion._estimators.fit import Fit
from skfashion._training.learning_rates import LearningRates

BODY = ["conv1/kernel", "conv2/kernel"]
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
def moves(make, lt5):
    """Return what each weight moves by in a fit."""

    def moves(**params):
        params = {**ONE_STEP, **params}
        before = make(**{**params, "epochs": 0}).fit(*lt5)._weights
        after = make(**params).fit(*lt5)._weights
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
    return rising * (0.5 * (1 + np.cos(np.pi * falling)) if schedule == "cosine" else 1.0)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.3, 0.5])
def test_rates_follow_their_course(make, lt5, schedule, warmup):
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
    kernel, bias = start._weights["output/kernel"].copy(), start._weights["output/bias"].copy()
    for epoch in range(4):
        logits = inputs @ kernel + bias
        error = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = error / error.sum(axis=1, keepdims=True) - np.eye(5)[y]
        rate = 0.1 * expected_height(epoch / 4, (epoch + 1) / 4, warmup, schedule)
        kernel -= rate * inputs.T @ error / len(y)
        bias -= rate * error.mean(axis=0)
    assert_allclose(clf._weights["output/kernel"], kernel, rtol=1e-5, atol=1e-8)
    assert_allclose(clf._weights["output/bias"], bias, rtol=1e-5, atol=1e-8)


def hidden_layer(clf, X):
    import keras

    model = clf.model_.get_layer("network")
    hidden = keras.Model(model.inputs[0], model.get_layer("dense").output)
    return hidden.predict(X[..., None].astype("float64"), verbose=0)


def test_the_head_comes_first(make, fashion):
    params = {"pretrain_classes": GTE5, "freeze_until": None, "epochs": 3}
    before = make(**{**params, "epochs": 0}).fit(*fashion)._weights
    with pytest.warns(UserWarning, match="end before all has thawed"):
        head = make(head_epochs=3, **params).fit(*fashion)
    both = make(head_epochs=2, **params).fit(*fashion)
    for path in BODY:
        assert_array_equal(head._weights[path], before[path])
        assert not np.array_equal(both._weights[path], before[path])
    assert len(both.history_["loss"]) == both.n_iter_ == 3
    assert both.history_["loss"][:2] == head.history_["loss"][:2]
    assert both.freeze_point_ is None
    assert both.n_frozen_params_ == 0


def test_stages_thaw_from_behind(make, fashion):
    params = {"pretrain_classes": GTE5, "freeze_until": None, "epochs_per_stage": 1}
    before = make(epochs=0, **{**params, "epochs_per_stage": 0}).fit(*fashion)._weights
    moved = []
    for epochs in (1, 2, 3):
        with nullcontext() if epochs == 3 else pytest.warns(UserWarning, match="that takes 3"):
            after = make(epochs=epochs, head_epochs=1, **params).fit(*fashion)._weights
        moved.append([not np.array_equal(after[path], before[path]) for path in BODY])
    assert moved == [[False, False], [False, True], [True, True]]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["conv1"] * 4),
        ({"head_epochs": 2}, ["features", "features", "conv1", "conv1"]),
        ({"freeze_until": 0, "epochs_per_stage": 2}, ["conv1", "conv1", None, None]),
        (
            {"freeze_until": 0, "epochs_per_stage": 1, "head_epochs": 1},
            ["features", "conv1", None, None],
        ),
        ({"freeze_until": "features", "head_epochs": 2}, ["features"] * 4),
        ({"freeze_until": "dense", "head_epochs": 2, "epochs_per_stage": 1}, ["dense"] * 4),
    ],
    ids=repr,
)
def test_plan_of_freeze_points(make, lt5, monkeypatch, params, expected):
    plans = []
    thawing = Fit.thawing
    monkeypatch.setattr(Fit, "thawing", lambda fit: plans.append(thawing(fit)) or plans[-1])
    make(**{"freeze_until": "conv1", "epochs": 4, **params}).fit(*lt5)
    assert plans == [tuple(expected)]


@pytest.mark.parametrize(
    ("params", "point"),
    [({"head_epochs": 4}, "features"), ({"head_epochs": 3, "epochs_per_stage": 2}, "conv1")],
)
def test_a_plan_that_ends_too_early_draws_a_warning(make, lt5, params, point):
    with pytest.warns(UserWarning, match=r"epochs=4 end before all has thawed .* takes [56]"):
        clf = make(freeze_until=0, epochs=4, **params).fit(*lt5)
    assert clf.freeze_point_ == point
    assert clf.n_frozen_params_ == {"features": 9568, "conv1": 320}[point]


SCHEDULED = {
    "freeze_until": None,
    "epochs": 3,
    "schedule": "cosine",
    "warmup": 0.2,
    "clip_norm": 1.0,
    "layer_decay": 0.5,
    "head_epochs": 1,
    "epochs_per_stage": 1,
}


def test_partial_fit_follows_the_same_course(make, lt5):
    X, y = lt5
    whole = make(**SCHEDULED).fit(X, y)
    parts = make(**SCHEDULED)
    for _ in range(3):
        parts.partial_fit(X, y, classes=range(5))
    for path, weight in whole._weights.items():
        assert_array_equal(parts._weights[path], weight)
    parts.partial_fit(X, y)
    assert parts.n_iter_ == 4


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


def test_warm_start_begins_the_course_anew_without_freezing_the_body_again(make, lt5):
    clf = make(**SCHEDULED, warm_start=True).fit(*lt5)
    before = clf._weights
    clf.set_params(epochs=1).fit(*lt5)
    assert clf.n_iter_ == 4
    assert not np.array_equal(clf._weights["conv1/kernel"], before["conv1/kernel"])


def test_early_stopping_ends_the_head_phase_not_the_whole(make, fashion):
    params = {"freeze_until": None, "early_stopping": True, "n_iter_no_change": 1}
    clf = make(tol=100.0, epochs=6, head_epochs=3, **params).fit(*fashion)
    # Nothing improves by 100: after the first epoch, which is the best so far, each part of the
    # phase stops at its first chance.
    assert clf.n_iter_ == 3


def test_options_come_from_the_recipe_unless_they_are_given(make):
    recipe = Recipe(2.0, 0.1, 0.5, "cosine", 0.1, 3.0)
    chosen = LearningRates.choose(make(), recipe, 0.01)
    assert chosen == LearningRates(0.02, pytest.approx(0.002), 0.5, "cosine", 0.1, 3.0)
    assert chosen.rate(None) == 0.02
    assert chosen.rate(2) == pytest.approx(0.0005)
    given = make(learning_rate=1.0, schedule="constant", warmup=0, clip_norm=np.inf, layer_decay=1)
    assert LearningRates.choose(given, recipe, 0.01) == LearningRates(
        1.0, 0.1, 1, "constant", 0, None
    )
    assert (
        LearningRates.choose(make(body_learning_rate=7.0), recipe, 0.01).body_learning_rate == 7.0
    )


@pytest.mark.parametrize("given_weights", [False, True])
def test_recipe_depends_on_where_the_body_starts(make, lt5, body_path, given_weights):
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
    for path, weight in by_hand._weights.items():
        assert_array_equal(by_recipe._weights[path], weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "cosin"}, r"schedule='cosin' is not one of .* Did you mean 'cosine'"),
        ({"head_factor": 0}, "head_factor must be a number above 0, got 0"),
        ({"layer_decay": -1}, "layer_decay must be a number above 0"),
        ({"warmup": 1.0}, "warmup must be from 0 up to, not including, 1"),
        ({"clip_norm": 0.0}, "clip_norm must be a number above 0"),
    ],
)
def test_recipe_is_checked(change, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**change)


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-10)])
def test_the_fused_adam_is_adam(dtype, rtol):
    import keras

    from skfashion._keras.fused_adam import FusedAdam

    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(7, 5)), rng.normal(size=(20, 7, 5))
    variables = [keras.Variable(start, dtype=dtype) for _ in range(2)]
    optimizers = [keras.optimizers.Adam(0.01), FusedAdam(0.01)]
    for optimizer, variable in zip(optimizers, variables, strict=True):
        optimizer.build([variable])
    # The formula as it is published; Keras' own rounds its constants to single precision.
    weight, m, v = start.copy(), 0.0, 0.0
    rate, beta_1, beta_2, epsilon = float(np.float32(0.01)), 0.9, 0.999, 1e-7
    for step, gradient in enumerate(gradients, 1):
        for optimizer in optimizers:
            optimizer.apply([keras.ops.convert_to_tensor(gradient, dtype)])
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        alpha = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weight -= alpha * m / (np.sqrt(v) + epsilon)
    assert_allclose(variables[1].value.numpy(), weight, rtol=rtol)
    assert_allclose(variables[1].value.numpy(), variables[0].value.numpy(), rtol=1e-4)
    for own, fused in zip(optimizers[0].variables, optimizers[1].variables, strict=True):
        assert_allclose(fused.value.numpy(), own.value.numpy(), rtol=1e-4)
