"""A recipe is a value: it compares, copies and pickles, and each option has one source."""

import pickle
from dataclasses import replace

import cloudpickle
import numpy as np
import pytest
from sklearn.base import clone

from skfashion import Backbone, Recipe, TransferClassifier, list_backbones
from skfashion._backbones.recipe import BASE, combine_recipes, resolve_recipe
from skfashion._backbones.registry import get_backbone

RECIPE = Recipe(0.5, schedule="linear", weight_decay=0.1, test_time_flips=True)


def tiny(images):
    from keras import layers

    return layers.Conv2D(4, 3, strides=4, name="conv")(images)


def backbone(**recipes):
    return Backbone("tiny", build=tiny, stages=("conv",), min_size=8, **recipes)


@pytest.mark.parametrize(
    "copy",
    [
        clone,
        lambda recipe: pickle.loads(pickle.dumps(recipe)),
        lambda recipe: pickle.loads(cloudpickle.dumps(recipe)),
        lambda recipe: Recipe(**recipe.get_params()),
    ],
    ids=["clone", "pickle", "cloudpickle", "parameters"],
)
def test_copies_are_equal_and_apart(copy):
    recipe = Recipe(**RECIPE.get_params())
    other = copy(recipe)
    assert other is not recipe
    assert other == recipe
    assert hash(other) == hash(recipe)
    other.set_params(weight_decay=0.2)
    assert other != recipe
    assert recipe == RECIPE


def test_a_recipe_differs_from_other_things():
    assert Recipe() != {}
    assert Recipe() != Recipe(warmup=0.0)
    assert " ".join(repr(RECIPE).split()) == (
        "Recipe(head_factor=0.5, schedule='linear', test_time_flips=True, weight_decay=0.1)"
    )


def test_every_option_is_declared_and_has_a_default():
    assert set(Recipe._parameter_constraints) == set(Recipe().get_params())
    assert set(Recipe().get_params().values()) == {None}
    unsaid = {name for name, value in BASE.get_params().items() if value is None}
    assert unsaid == {"weight_decay"}
    BASE._validate_params()


def test_the_first_that_says_it_decides():
    combined = combine_recipes(
        Recipe(warmup=0.0, test_time_flips=False), Recipe(warmup=0.5, mixup=0.2), Recipe(mixup=1.0)
    )
    assert (combined.warmup, combined.mixup, combined.test_time_flips) == (0.0, 0.2, False)
    assert combined.clip_norm == np.inf
    assert combined.head_factor == 1


NAMES = ("layer_decay", "schedule", "warmup", "clip_norm")
IN_ORDER = [
    dict(zip(NAMES, values, strict=True))
    for values in [(0.1, "constant", 0.1, 1), (0.2, "linear", 0.2, 2), (0.3, "cosine", 0.3, 3)]
]


@pytest.mark.parametrize("name", NAMES)
def test_constructor_then_recipe_then_backbone_then_base(name):
    by_constructor, by_user, by_backbone = ({name: values[name]} for values in IN_ORDER)
    row = Recipe(**by_backbone)
    for clf, default, expected in [
        (TransferClassifier(**by_constructor, recipe=Recipe(**by_user)), row, by_constructor[name]),
        (TransferClassifier(recipe=Recipe(**by_user)), row, by_user[name]),
        (TransferClassifier(recipe=Recipe()), row, by_backbone[name]),
        (TransferClassifier(), row, by_backbone[name]),
        (TransferClassifier(), Recipe(), getattr(BASE, name)),
    ]:
        assert getattr(resolve_recipe(clf, default, "fine-tune"), name) == expected


def test_the_parameter_layer_decay_is_about_fine_tuning():
    clf = TransferClassifier(layer_decay=0.1, warmup=0.1)
    resolved = resolve_recipe(clf, Recipe(layer_decay=0.5), "pretrain")
    assert (resolved.layer_decay, resolved.warmup) == (0.5, 0.1)


def test_without_a_known_end_only_the_user_gives_a_schedule():
    row = Recipe(schedule="cosine", warmup=0.1, clip_norm=2.0)
    silent, asked = TransferClassifier(), TransferClassifier(recipe=Recipe(schedule="linear"))
    resolved = resolve_recipe(silent, row, "fine-tune", open_ended=True)
    assert (resolved.schedule, resolved.warmup, resolved.clip_norm) == ("constant", 0, 2)
    resolved = resolve_recipe(asked, row, "fine-tune", open_ended=True)
    assert (resolved.schedule, resolved.warmup) == ("linear", 0)


def test_a_backbone_ignores_a_momentum_that_the_optimizer_has_not():
    row = Recipe(momentum=0.9)
    assert resolve_recipe(TransferClassifier(), row, "fine-tune").momentum == 0
    assert resolve_recipe(TransferClassifier(optimizer="sgd"), row, "fine-tune").momentum == 0.9


WRONG = [
    ({"schedule": "cosin"}, "The 'schedule' parameter of Recipe must be a str among"),
    ({"head_factor": 0}, r"The 'head_factor' .* \(0.0, inf\) or None. Got 0 instead"),
    ({"layer_decay": -1}, "The 'layer_decay' parameter"),
    ({"warmup": 1.0}, r"The 'warmup' .* range \[0.0, 1.0\) or None. Got 1.0 instead"),
    ({"clip_norm": 0.0}, "The 'clip_norm' parameter"),
    ({"weight_decay": -0.1}, "The 'weight_decay' parameter"),
    ({"momentum": 1.0}, "The 'momentum' parameter"),
    ({"label_smoothing": 1.0}, "The 'label_smoothing' parameter"),
    ({"average": 1.5}, r"The 'average' .* range \[0.0, 1.0\] or None. Got 1.5 instead"),
    ({"mixup": -1}, "The 'mixup' parameter"),
    ({"cutmix": "yes"}, "The 'cutmix' parameter"),
    ({"batch_norm": "infer"}, r"The 'batch_norm' .* among \{.*\} or None. Got 'infer' instead"),
    ({"test_time_flips": "both"}, "The 'test_time_flips' parameter"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=str)
def test_a_backbone_refuses_a_wrong_option_when_it_is_made(options, message):
    for phase in ("from_scratch", "fine_tuning", "few_images"):
        with pytest.raises(ValueError, match=message):
            backbone(**{phase: Recipe(**options)})


@pytest.mark.parametrize(("options", "message"), WRONG, ids=str)
def test_fit_refuses_a_wrong_option_before_it_trains(make, lt5, options, message):
    clf = make(recipe=Recipe()).set_params(**{f"recipe__{n}": v for n, v in options.items()})
    with pytest.raises(ValueError, match=message):
        clf.fit(*lt5)
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(*lt5, classes=range(5))


def test_fit_refuses_what_does_not_go_together(make, lt5):
    with pytest.raises(ValueError, match=r"momentum=0.9, .* optimizer='adam'\. Set optimizer"):
        make(recipe=Recipe(momentum=0.9)).fit(*lt5)
    with pytest.raises(ValueError, match=r"The 'recipe' parameter .* must be an instance of"):
        make(recipe={"momentum": 0.9}).fit(*lt5)
    with pytest.raises(TypeError, match="fine_tuning must be a Recipe, got 'cosine'"):
        backbone(fine_tuning="cosine")


def test_a_backbone_does_not_change_with_the_recipe_it_was_made_of():
    recipe = Recipe(body_factor=0.5)
    row = backbone(fine_tuning=recipe)
    number = hash(row)
    recipe.set_params(body_factor=-1)
    assert row.fine_tuning == Recipe(body_factor=0.5)
    assert hash(row) == number
    again = replace(row, name="other", from_scratch=Recipe(warmup=0.1))
    assert again.fine_tuning == row.fine_tuning
    assert again != row


def test_backbones_compare_and_pickle_with_their_recipes():
    row = backbone(fine_tuning=RECIPE)
    for copy in (pickle.loads(pickle.dumps(row)), pickle.loads(cloudpickle.dumps(row))):
        assert copy == row
        assert hash(copy) == hash(row)
    assert row != backbone()
    assert "fine_tuning=Recipe(head_factor=0.5" in repr(row)
    assert "Recipe" not in repr(backbone())
    assert get_backbone("vgg16").fine_tuning.clip_norm == 1


@pytest.mark.parametrize("name", list_backbones())
def test_recipes_of_the_table_are_those_of_the_documentation(name):
    row = get_backbone(name)
    from_scratch, fine_tuning, few_images = (
        combine_recipes(*recipes)
        for recipes in (
            (row.from_scratch,),
            (row.fine_tuning,),
            (row.few_images, row.fine_tuning),
        )
    )
    courses = {
        "small_cnn": [("constant", np.inf), ("constant", np.inf)],
        "small_resnet": [("linear", np.inf), ("cosine", 1)],
    }
    expected = courses.get(name, [("cosine", 1), ("cosine", 1)])
    assert [(each.schedule, each.clip_norm) for each in (from_scratch, fine_tuning)] == expected
    assert from_scratch.layer_decay == fine_tuning.layer_decay == 1
    if name in ("small_cnn", "convnext_tiny"):
        assert row.few_images == Recipe()
        return
    assert few_images.head_factor == pytest.approx(fine_tuning.head_factor / 10)
    assert few_images.mixup == 1
    rate_of_body, rate_in_few_images = (
        recipe.head_factor * recipe.body_factor for recipe in (fine_tuning, few_images)
    )
    factor = 2 if name == "vgg16" else 1
    assert rate_in_few_images == pytest.approx(factor * rate_of_body)
    assert few_images.batch_norm == ("train" if name == "vgg16" else "inference")
