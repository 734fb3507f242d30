"""What is frozen stays, bit for bit; what is not, moves."""

import numpy as np
import pytest
from conftest import GTE5
from numpy.testing import assert_array_equal

import skfashion._training.feature_storage
from skfashion._data import chunks
from skfashion._networks.frozen_part import FrozenPart

BODY = ["conv1/kernel", "conv1/bias", "conv2/kernel", "conv2/bias"]
DENSE = ["dense/kernel", "dense/bias"]
OUTPUT = ["output/kernel", "output/bias"]

# freeze_until -> (what it comes to, what is frozen, how many numbers)
POINTS = {
    None: (None, [], 0),
    0: (None, [], 0),
    -2: (None, [], 0),
    "rescale": ("rescale", [], 0),
    "conv1": ("conv1", BODY[:2], 320),
    1: ("conv1", BODY[:2], 320),
    -1: ("conv1", BODY[:2], 320),
    "conv2": ("conv2", BODY, 9_568),
    2: ("features", BODY, 9_568),
    "pool": ("pool", BODY, 9_568),
    "features": ("features", BODY, 9_568),
    "auto": ("features", BODY, 9_568),
    "flatten": ("flatten", BODY, 9_568),
    "dense": ("dense", BODY + DENSE, 599_520),
    "dropout": ("dropout", BODY + DENSE, 599_520),
}


@pytest.mark.parametrize("freeze_until", POINTS, ids=repr)
def test_frozen_bits_stay_and_the_rest_moves(make, fashion, freeze_until):
    point, frozen, count = POINTS[freeze_until]
    shared = {"pretrain_classes": GTE5, "freeze_until": freeze_until}
    before = make(epochs=0, **shared).fit(*fashion)._weights
    clf = make(epochs=2, **shared).fit(*fashion)
    assert clf.freeze_point_ == point
    assert clf.n_frozen_params_ == count
    assert clf.n_frozen_params_ + clf.n_trainable_params_ == 600_165
    for path, weight in clf._weights.items():
        if path in frozen:
            assert weight.tobytes() == before[path].tobytes(), path
        else:
            assert not np.array_equal(weight, before[path]), path


def test_frozen_from_a_file(make, lt5, body_path):
    before = make(weights=body_path, epochs=0).fit(*lt5)
    after = make(weights=body_path).fit(*lt5)
    for path in BODY:
        assert after._weights[path].tobytes() == before._weights[path].tobytes()


def test_auto_freezes_only_what_is_worth_keeping(make, lt5, body_path):
    assert make(epochs=0).fit(*lt5).freeze_point_ is None
    assert make(epochs=0, weights=body_path).fit(*lt5).freeze_point_ == "features"


@pytest.mark.parametrize(
    "params",
    [
        {"freeze_until": "conv2"},
        {"freeze_until": "features", "early_stopping": True},
        {"freeze_until": "dense", "schedule": "cosine"},
        {"freeze_until": "features", "augmentation": "flip"},
        {"freeze_until": "features", "augmentation": {"flip": "both"}, "epochs": 4},
    ],
    ids=str,
)
def test_wherever_features_are_kept_the_bits_are_the_same(make, fashion, params, monkeypatch):
    X, y = fashion

    def fit(keeping):
        clf = make(pretrain_classes=GTE5, batch_size=30, **params).fit(X, y)
        assert set(clf.history_["features"]) == {keeping}
        assert set(clf.pretrain_history_["features"]) == {"nothing frozen"}
        return clf

    kept = fit("kept")
    monkeypatch.setattr(skfashion._training.feature_storage, "MOST_OF_FREE_MEMORY", 0)
    mapped = fit("memory-mapped")
    monkeypatch.setattr(chunks, "WINDOW_BYTES", 2**21)
    windows = fit("memory-mapped")
    monkeypatch.setattr(skfashion._training.feature_storage, "MOST_OF_FREE_DISK", 0)
    recomputed = fit("recomputed")
    for other in (mapped, windows, recomputed):
        assert_array_equal(other.predict_proba(X), kept.predict_proba(X))
        assert other.history_["loss"] == kept.history_["loss"]
        assert other.history_.get("val_loss") == kept.history_.get("val_loss")


def test_features_go_to_tensorflow_without_a_copy():
    for shape in ((3, 5), (4, 2, 7)):
        room = skfashion._training.feature_storage._aligned_room(shape, "float32")
        room[:] = 0
        tensor = skfashion._training.feature_storage._on_device(room)
        room[-1, -1] = 1
        assert_array_equal(tensor, room)


def test_mirror_images_of_more_than_the_epochs_need_are_not_computed(make, fashion):
    for epochs, keeping in ((1, "recomputed"), (2, "kept")):
        clf = make(pretrain_classes=GTE5, augmentation="flip", epochs=epochs).fit(*fashion)
        assert set(clf.history_["features"]) == {keeping}


@pytest.mark.parametrize("freeze_until", ["conv1", "features", "dense"])
def test_features_computed_once_give_the_bits_of_training_through(
    make, fashion, freeze_until, monkeypatch
):
    computed = []
    features = FrozenPart.features

    def spy(self, images, out=None):
        computed.append(len(images))
        return features(self, images, out)

    monkeypatch.setattr(FrozenPart, "features", spy)
    monkeypatch.setattr(skfashion._networks.frozen_part, "_PER_BYTE_OF_MEMORY", 0)
    params = {"pretrain_classes": GTE5, "freeze_until": freeze_until, "batch_size": 50}
    once = make(**params).fit(*fashion)
    assert computed == [100]
    # As good as never erases anything, but sends images through the frozen part in the graph.
    through = make(**params, augmentation={"erase": 1e-12}).fit(*fashion)
    assert computed == [100]
    assert set(through.history_["features"]) == {"recomputed"}
    assert_array_equal(once.predict_proba(fashion[0]), through.predict_proba(fashion[0]))
    assert once.history_["loss"] == through.history_["loss"]


def test_so_they_are_in_a_backbone_whose_graph_is_rewritten(make, fashion, monkeypatch):
    params = {"backbone": "efficientnet_b0", "freeze_until": "block2b_add", "batch_size": 50}
    kept = make(pretrain_classes=GTE5, pretrain_epochs=0, epochs=1, **params).fit(*fashion)
    monkeypatch.setattr(skfashion._training.feature_storage, "MOST_OF_FREE_MEMORY", 0)
    monkeypatch.setattr(skfashion._training.feature_storage, "MOST_OF_FREE_DISK", 0)
    recomputed = make(pretrain_classes=GTE5, pretrain_epochs=0, epochs=1, **params).fit(*fashion)
    assert recomputed.history_["features"] == ["recomputed"]
    assert recomputed.history_["loss"] == kept.history_["loss"]


def test_other_augmentation_recomputes(make, fashion):
    clf = make(pretrain_classes=GTE5, freeze_until="features", augmentation=["flip", "shift"])
    assert set(clf.fit(*fashion).history_["features"]) == {"recomputed"}


@pytest.mark.parametrize("augmentation", [None, "flip"])
def test_features_that_are_computed_sooner_than_read_are_not_kept(
    make, fashion, augmentation, monkeypatch
):
    params = {"freeze_until": "conv1", "augmentation": augmentation, "batch_size": 30}

    def fit(keeping):
        clf = make(pretrain_classes=GTE5, early_stopping=True, **params).fit(*fashion)
        assert set(clf.history_["features"]) == {keeping}
        return clf

    recomputed = fit("recomputed")
    monkeypatch.setattr(skfashion._networks.frozen_part, "_PER_BYTE_OF_MEMORY", 0)
    kept = fit("kept")
    monkeypatch.setattr(skfashion._training.feature_storage, "MOST_OF_FREE_MEMORY", 0)
    not_in_a_file = fit("recomputed")
    for other in kept, not_in_a_file:
        assert other.history_["loss"] == recomputed.history_["loss"]
        assert other.history_["val_loss"] == recomputed.history_["val_loss"]
        assert_array_equal(other.predict_proba(fashion[0]), recomputed.predict_proba(fashion[0]))


def test_features_of_unknown_cost_are_kept(make, fashion):
    clf = make(pretrain_classes=GTE5, freeze_until="conv1", input_size=20).fit(*fashion)
    assert set(clf.history_["features"]) == {"kept"}


@pytest.mark.parametrize(
    ("freeze_until", "message"),
    [
        ("conv", r"freeze_until='conv' is not one of .* Did you mean 'conv[12]' or 'conv[12]'\?"),
        ("feature", "Did you mean 'features' or 'feature_dropout'"),
        (
            "block3_pool",
            r"\['conv1', 'conv2', 'features', 'dense'\]\. .* the stages of backbone 'small_cnn'",
        ),
        ("output", "leaves nothing to train"),
        (3, "freeze_until=3 is out of range: backbone 'small_cnn' has 2 stages"),
        (-3, "Give a number from -2 to 2, or a name"),
    ],
    ids=repr,
)
def test_no_such_point(make, lt5, freeze_until, message):
    with pytest.raises(ValueError, match=message):
        make(freeze_until=freeze_until).fit(*lt5)
