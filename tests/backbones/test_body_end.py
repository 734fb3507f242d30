"""Bodies that end early: their stages, freeze points, files, pickles and Keras models."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import BackboneFeatures, TransferClassifier
from skfashion._backbones.body_end import check_freezes_body, end_body_at
from skfashion._backbones.registry import get_backbone
from skfashion._estimators import body_choice
from skfashion._networks.pooled_features import get_body
from tests.class_split import GTE5
from tests.residual import RESIDUAL


@pytest.fixture(scope="module")
def early(make, fashion, residual_path):
    """Fitted with a body that ends after its second stage. Not to be changed."""
    return make(
        backbone=RESIDUAL, weights=residual_path, body_until="norm", freeze_until="stem"
    ).fit(*fashion)


# -- The backbone ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body_until", "stages"),
    [
        ("stem", ("stem",)),
        (1, ("stem",)),
        (-2, ("stem",)),
        ("norm", ("stem", "norm")),
        (2, ("stem", "norm")),
        (-1, ("stem", "norm")),
        ("late_norm", RESIDUAL.stages),
        (3, RESIDUAL.stages),
        ("features", RESIDUAL.stages),
        (None, RESIDUAL.stages),
    ],
)
def test_stages_are_those_up_to_the_end(body_until, stages):
    backbone = end_body_at(RESIDUAL, body_until)
    assert backbone.stages == stages
    assert (backbone is RESIDUAL) == (stages == RESIDUAL.stages)
    # A dataclass that is equal has the same network.
    assert backbone == end_body_at(RESIDUAL, stages[-1])


@pytest.mark.parametrize(
    ("body_until", "message"),
    [
        ("nrom", r"body_until='nrom' is not one of \['stem', .* Did you mean 'norm'"),
        ("conv", r"body_until='conv' is not one of .* can end after one of its stages"),
        (0, r"body_until=0 leaves no stage of backbone 'residual', which has 3: .* all with None"),
        (-3, "body_until=-3 leaves no stage"),
        (4, r"body_until=4 is out of range: backbone 'residual' has 3 stages"),
        (True, "body_until=True is neither a name nor a number"),
    ],
)
def test_another_end_is_an_error(body_until, message):
    with pytest.raises(ValueError, match=message):
        end_body_at(RESIDUAL, body_until)


@pytest.mark.parametrize("freeze_until", ["norm", "late_norm", 2, 3])
def test_nothing_after_the_end_can_be_frozen(freeze_until):
    backbone = end_body_at(RESIDUAL, "stem")
    with pytest.raises(
        ValueError, match=rf"freeze_until={freeze_until!r} is after .* body_until='stem'"
    ):
        check_freezes_body(backbone, RESIDUAL, freeze_until)


@pytest.mark.parametrize("freeze_until", ["stem", "features", "dense", 0, 1, -1, None])
def test_all_before_the_end_can_be_frozen(freeze_until):
    check_freezes_body(end_body_at(RESIDUAL, "stem"), RESIDUAL, freeze_until)


@pytest.mark.parametrize(("end", "expected"), [("block2_pool", "features"), (4, "block3_pool")])
def test_the_default_freeze_point_exists(end, expected):
    assert end_body_at(get_backbone("vgg16"), end).default_freeze == expected


@pytest.mark.parametrize(("end", "expected"), [("stem", None), ("norm", "norm")])
def test_a_freeze_point_for_few_images_exists_or_is_left_out(end, expected):
    backbone = replace(RESIDUAL, few_images_freeze="norm")
    assert end_body_at(backbone, end).few_images_freeze == expected


# -- Fits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("freeze_until", "point", "n_frozen"),
    [
        (1, "stem", 40),
        (-1, "stem", 40),
        (0, None, 0),
        (2, "features", 56),
        ("auto", "features", 56),
    ],
)
def test_freeze_points_count_the_stages_that_are_left(
    make, lt5, residual_path, freeze_until, point, n_frozen
):
    clf = make(
        backbone=RESIDUAL, weights=residual_path, body_until="norm", freeze_until=freeze_until
    ).fit(*lt5)
    assert clf.body_until_ == "norm"
    assert clf.freeze_point_ == point
    assert clf.n_frozen_params_ == n_frozen
    paths = {v.path for v in clf.model_.weights}
    assert not any(path.startswith(("conv", "late_norm")) for path in paths)


def test_the_model_predicts_what_the_classifier_does(early, fashion):
    X, _ = fashion
    assert_allclose(
        early.model_.predict(X[..., None], verbose=0), early.predict_proba(X), atol=1e-6
    )


def test_pickles_predict_the_same_bits(early, fashion):
    again = pickle.loads(pickle.dumps(early))
    assert again.body_until_ == "norm"
    assert_array_equal(again.predict_proba(fashion[0]), early.predict_proba(fashion[0]))


@pytest.mark.parametrize("ending", [".weights.h5", ".safetensors"])
def test_the_whole_body_is_saved(early, fashion, residual_path, tmp_path, ending):
    X, _ = fashion
    path = tmp_path / f"body{ending}"
    early.save_backbone_weights(path)

    def features(weights, layer):
        return BackboneFeatures(RESIDUAL, weights=weights, layer=layer).fit(X).transform(X)

    # The frozen stage has kept its weights, the one after it was trained.
    assert_array_equal(features(path, "stem"), features(residual_path, "stem"))
    assert not np.allclose(features(path, "norm"), features(residual_path, "norm"))
    assert np.ptp(features(path, "features")) > 0
    full = TransferClassifier(
        RESIDUAL, weights=path, body_until=None, epochs=0, head_init="random", random_state=0
    ).fit(*fashion)
    cut = full._fitted.weights
    before = TransferClassifier(
        RESIDUAL, weights=residual_path, body_until=None, epochs=0, random_state=0
    ).fit(*fashion)
    for variable in get_body(full._fitted.architecture).body.weights:
        name = variable.path
        in_front = name.startswith(("stem", "norm"))
        source = early._fitted.weights if in_front else before._fitted.weights
        assert_array_equal(cut[name], source[name], err_msg=name)


def test_random_weights_after_the_end_are_those_of_the_whole_body(make, fashion, tmp_path):
    params = {"backbone": RESIDUAL, "epochs": 0}
    whole, early = tmp_path / "whole.weights.h5", tmp_path / "early.weights.h5"
    make(**params).fit(*fashion).save_backbone_weights(whole)
    make(body_until="stem", **params).fit(*fashion).save_backbone_weights(early)
    one, other = (
        BackboneFeatures(RESIDUAL, weights=path).fit_transform(fashion[0])
        for path in (whole, early)
    )
    assert_array_equal(one, other)


def test_pretraining_ends_there_too(make, fashion):
    clf = make(backbone=RESIDUAL, pretrain_classes=GTE5, body_until="norm").fit(*fashion)
    assert clf.freeze_point_ == "features"
    assert clf.body_until_ == "norm"


def test_a_further_fit_keeps_the_body(make, lt5, residual_path):
    clf = make(backbone=RESIDUAL, weights=residual_path, body_until="norm", warm_start=True)
    clf.fit(*lt5).set_params(body_until="auto").fit(*lt5)
    assert clf.body_until_ == "norm"
    assert clf.n_iter_ == 4
    with pytest.raises(
        ValueError, match=r"network of the first fit, .* from 'residual' up to 'norm' to"
    ):
        clf.set_params(body_until=None).fit(*lt5)


# -- The end that "auto" chooses ---------------------------------------------------------------

AUTO = {"backbone": RESIDUAL, "epochs": "auto", "hidden_units": "auto"}


@pytest.mark.parametrize(
    ("freeze_until", "earliest"),
    [
        ("late_norm", "late_norm"),
        ("norm", "norm"),
        (2, "norm"),
        (-2, "norm"),
        (3, "late_norm"),
        (0, "stem"),
        (None, "stem"),
        ("features", "stem"),
    ],
)
def test_it_is_not_before_the_freeze_point(
    make, lt5, residual_path, monkeypatch, freeze_until, earliest
):
    # Of stages with equal losses the first is chosen.
    monkeypatch.setattr(body_choice, "cross_validated_loss", lambda *args: 1.0)
    params = {"freeze_until": freeze_until, "head_init": "probe", "epochs": 0}
    clf = make(weights=residual_path, **{**AUTO, **params}).fit(*lt5)
    assert clf.body_until_ == earliest


def test_it_is_the_stage_with_the_lowest_loss(make, lt5, residual_path, monkeypatch):
    chosen = make(weights=residual_path, freeze_until="features", **AUTO).fit(*lt5).body_until_
    measured = []
    compute = body_choice.cross_validated_loss
    monkeypatch.setattr(
        body_choice, "cross_validated_loss", lambda *a: measured.append(compute(*a)) or measured[-1]
    )
    again = make(weights=residual_path, freeze_until="features", **AUTO).fit(*lt5).body_until_
    assert len(measured) == 3
    assert again == chosen == RESIDUAL.stages[int(np.argmin(measured))]


@pytest.mark.parametrize(
    "params",
    [
        {"weights": None, "head_init": "probe"},
        {"hidden_units": 16, "head_init": "probe"},
        {"head_init": "random"},
        {"head_init": "auto"},
    ],
    ids=str,
)
def test_without_a_probe_on_weights_of_a_file_the_body_is_whole(make, lt5, residual_path, params):
    params = {"weights": residual_path, "freeze_until": "features", **AUTO, "epochs": 0, **params}
    assert make(**params).fit(*lt5).body_until_ == "late_norm"


def test_a_class_with_one_row_has_no_cross_validation(make, lt5, residual_path):
    X, y = lt5
    rows = np.r_[np.flatnonzero(y < 4), np.flatnonzero(y == 4)[:1]]
    clf = make(weights=residual_path, freeze_until="features", **AUTO).fit(X[rows], y[rows])
    assert clf.body_until_ == "late_norm"
    assert clf.kept_probe_
