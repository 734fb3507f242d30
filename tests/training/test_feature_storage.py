"""Wherever features of the frozen part are stored, the bits are the same."""

import pytest
from numpy.testing import assert_array_equal

import skfashion._training.feature_storage
from skfashion._data import buffers, chunks
from skfashion._networks.frozen_part import FrozenPart
from tests.class_split import GTE5


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
    monkeypatch.setattr(chunks, "WINDOW_BYTES", 2**18)
    windows = fit("memory-mapped")
    monkeypatch.setattr(buffers, "MOST_OF_FREE_DISK", 0)
    recomputed = fit("recomputed")
    for other in (mapped, windows, recomputed):
        assert_array_equal(other.predict_proba(X), kept.predict_proba(X))
        assert other.history_["loss"] == kept.history_["loss"]
        assert other.history_.get("val_loss") == kept.history_.get("val_loss")


def test_features_go_to_tensorflow_without_a_copy():
    for shape in ((3, 5), (4, 2, 7)):
        room = buffers.memory_buffer(shape, "float32")
        room[:] = 0
        tensor = skfashion._training.feature_storage._to_device(room)
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
    monkeypatch.setattr(skfashion._networks.frozen_part, "_OPERATIONS_PER_BYTE_OF_MEMORY", 0)
    params = {"pretrain_classes": GTE5, "freeze_until": freeze_until, "batch_size": 50}
    once = make(**params).fit(*fashion)
    assert computed == [100]
    # As good as never erases anything, but sends images through the frozen part in the graph.
    through = make(**params, augmentation={"erase": 1e-12}).fit(*fashion)
    assert computed == [100]
    assert set(through.history_["features"]) == {"recomputed"}
    assert_array_equal(once.predict_proba(fashion[0]), through.predict_proba(fashion[0]))
    assert once.history_["loss"] == through.history_["loss"]


def test_a_rewritten_graph_trains_alike_on_kept_and_recomputed_features(make, fashion, monkeypatch):
    params = {"backbone": "efficientnet_b0", "freeze_until": "block6d_add", "batch_size": 50}
    kept = make(pretrain_classes=GTE5, pretrain_epochs=0, epochs=1, **params).fit(*fashion)
    assert kept.history_["features"] == ["kept"]
    monkeypatch.setattr(skfashion._training.feature_storage, "MOST_OF_FREE_MEMORY", 0)
    monkeypatch.setattr(buffers, "MOST_OF_FREE_DISK", 0)
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
    monkeypatch.setattr(skfashion._networks.frozen_part, "_OPERATIONS_PER_BYTE_OF_MEMORY", 0)
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
