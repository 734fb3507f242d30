"""Views of training images: drawn once a fit, the same whenever they are read, and stored."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss

from skfashion import Recipe, TransferClassifier, memory_report
from skfashion._data import buffers
from skfashion._data.lazy_images import ImageFormat
from skfashion._data.row_subset import RowSubset
from skfashion._training import feature_storage
from skfashion._training.augmentation import parse_augmentation
from skfashion._training.augmented_views import draw_views

CHANGES = parse_augmentation(["flip", "rotate", "zoom", "shift", "crop", "erase"])


@pytest.fixture
def images(fashion):
    rows = RowSubset(fashion[0][:12].reshape(12, -1))
    return ImageFormat((14, 14, 1), (0.0, 255.0)).lazy_images(rows, "float32")


def views_of(images, augmentation=CHANGES, n_views=2, seed=0):
    return draw_views(images, augmentation, n_views, seed, None)


def test_views_differ_from_the_image_and_from_each_other(images):
    one, other = views_of(images)
    assert one[:].dtype == np.uint8
    assert one.shape == images.shape
    for a, b in ((one[:], other[:]), (one[:], images[:]), (one[:], views_of(images, seed=1)[0][:])):
        assert all(np.abs(x.astype(float) - y).max() > 0 for x, y in zip(a, b, strict=True))


def test_a_view_depends_on_its_image_alone(images):
    whole = views_of(images)[1]
    order = np.array([7, 3, 3, 11])
    assert_array_equal(whole[order], whole[:][order])
    subset = views_of(images.take(order))[1]
    assert_array_equal(subset[:], whole[:][order])
    assert_array_equal(subset.hashes, whole.hashes[order])
    assert len(np.unique(np.concatenate([v.hashes for v in views_of(images)]), axis=0)) == 24


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_are_not_rounded(images, dtype):
    rows = RowSubset(images[:].reshape(12, -1).astype(dtype))
    floats = replace(images, rows=rows, dtype=np.dtype(dtype))
    view = views_of(floats, parse_augmentation(["rotate"]))[0][:]
    assert view.dtype == dtype
    assert np.abs(view - np.rint(view)).max() > 0.1


@pytest.mark.parametrize("amount", ["horizontal", "vertical", "both"])
def test_flips(images, amount):
    axes = {"horizontal": [1], "vertical": [0], "both": [0, 1, (0, 1)]}[amount]
    views = views_of(images, parse_augmentation({"flip": amount}), n_views=4)
    kinds = [
        [np.array_equal(changed, np.flip(image, axis)) for axis in [(), *axes]]
        for view in views
        for changed, image in zip(view[:], images[:], strict=True)
    ]
    assert all(any(kind) for kind in kinds)
    assert {kind.index(True) for kind in kinds} == set(range(len(axes) + 1))


def test_every_bit_of_the_seed_changes_every_view(images):
    (view,) = views_of(images, parse_augmentation(["shift", "zoom"]), n_views=1)
    before = view[:].astype(float)
    for bit in (0, 31, 32, 63):
        seeds = view.hashes.copy()
        seeds[:, 0] ^= np.uint64(1 << bit)
        assert np.abs(before - view.augment(images[:], seeds)).max(axis=(1, 2, 3)).min() > 0


# -- Fits --------------------------------------------------------------------------------------

PARAMS = {"freeze_until": "features", "augmentation": ["flip", "shift"], "augmentation_views": 2}


def test_features_are_computed_once(make, lt5):
    assert make(**PARAMS, epochs=4).fit(*lt5).history_["features"] == ["kept"] * 4
    # In one epoch, half of the views are not needed.
    assert make(**PARAMS, epochs=1).fit(*lt5).history_["features"] == ["recomputed"]


def test_where_features_are_changes_no_bit(make, lt5, weights_of, monkeypatch):
    kept = make(**PARAMS).fit(*lt5)
    monkeypatch.setattr(feature_storage, "MOST_OF_FREE_MEMORY", 0)
    monkeypatch.setattr(buffers, "MOST_OF_FREE_DISK", 0)
    recomputed = make(**PARAMS).fit(*lt5)
    assert recomputed.history_["features"] == ["recomputed"] * 2
    for path, weight in weights_of(kept).items():
        assert_array_equal(weights_of(recomputed)[path], weight, err_msg=path)


def test_memory_changes_no_bit_and_is_found(make, lt5, weights_of, tmp_path):
    params = {**PARAMS, "backbone": "small_resnet", "weights": None, "freeze_until": "block1"}
    without = weights_of(make(**params).fit(*lt5))
    for _ in range(2):
        with_memory = weights_of(make(**params, memory=tmp_path).fit(*lt5))
        for path, weight in without.items():
            assert_array_equal(with_memory[path], weight, err_msg=path)
    report = memory_report(tmp_path)
    assert report["rows_computed"] == 2 * len(lt5[1]) == report["rows_found"]


def test_the_type_of_validation_rows_changes_no_view(make, lt5, weights_of, tmp_path):
    X, y = lt5
    params = {**PARAMS, "backbone": "small_resnet", "freeze_until": "block1", "memory": tmp_path}
    plain = weights_of(make(**params).fit(X, y))
    n_computed = 2 * len(y)
    for images in (X[:20], X[:20].astype(float)):
        watched = make(**params).fit(X, y, X_val=images, y_val=y[:20])
        for path, weight in weights_of(watched).items():
            assert_array_equal(plain[path], weight, err_msg=path)
        # Features of views are found; those of validation rows are new.
        n_computed += 20
        assert memory_report(tmp_path)["rows_computed"] == n_computed


@pytest.mark.parametrize("epochs", [1, 2])  # of which features are recomputed, and kept
def test_validation_rows_have_no_views(make, lt5, epochs):
    X, y = lt5
    clf = make(**PARAMS, epochs=epochs).fit(X, y, X_val=X, y_val=y)
    expected = log_loss(y, clf.predict_proba(X))
    assert clf.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-4)


def test_views_are_another_fit(make, lt5):
    def loss(**params):
        return make(**{**PARAMS, **params}).fit(*lt5).history_["loss"][-1]

    losses = [
        loss(),
        loss(augmentation_views=1),
        loss(augmentation_views=None),
        loss(augmentation=None),
        loss(augmentation=["flip"]),
    ]
    assert len(set(losses)) == len(losses)
    assert loss(augmentation=None, augmentation_views=None) == losses[3]


def test_without_a_frozen_part_images_change_in_every_epoch(make, lt5):
    params = {"augmentation": ["shift"], "freeze_until": None}
    one, other = (
        make(**params, augmentation_views=k).fit(*lt5).history_["loss"] for k in (None, 2)
    )
    assert one == other


def test_gradual_unfreezing(make, lt5):
    gradual = {"freeze_until": None, "head_epochs": 2, "epochs_per_stage": 2, "epochs": 5}
    clf = make(**PARAMS | gradual).fit(*lt5)
    assert clf.history_["features"] == ["kept"] * 4 + ["nothing frozen"]


def test_cutmix_needs_images(make, lt5):
    with pytest.raises(ValueError, match=r"cutmix=0\.5.*augmentation_views=2.*mixup"):
        make(**PARAMS, recipe=Recipe(cutmix=0.5)).fit(*lt5)


def test_bad_values(lt5):
    for value in (0, -1, 2.5, "4"):
        with pytest.raises(ValueError, match="augmentation_views"):
            TransferClassifier(augmentation_views=value).fit(*lt5)


def test_repeated_rows_have_equal_views(images):
    rows = np.array([5, 5])
    view = views_of(images.take(rows))[0][:]
    assert_allclose(view[0], view[1], atol=0)


def test_without_a_seed_no_views_are_stored(make, lt5, body_path, tmp_path):
    clf = make(**PARAMS, weights=body_path, random_state=None, memory=tmp_path).fit(*lt5)
    before = memory_report(tmp_path)["bytes"]
    clf.fit(*lt5)
    assert memory_report(tmp_path)["bytes"] == before


def test_recomputed_features_of_views_are_those_that_are_kept(make, fashion, tmp_path):
    """Fewer epochs than views recompute features; more epochs keep them."""
    params = {
        "freeze_until": "features",
        "augmentation": "shift",
        "augmentation_views": 4,
        "memory": tmp_path,
    }
    kept = make(**params, epochs=4).fit(*fashion)
    assert kept.history_["features"] == ["kept"] * 4
    n_computed = memory_report(tmp_path)["rows_computed"]
    assert n_computed == 4 * len(fashion[0])
    recomputed = make(**params, epochs=2, learning_rate=0.01).fit(*fashion)
    assert recomputed.history_["features"] == ["recomputed"] * 2
    assert memory_report(tmp_path)["rows_computed"] == n_computed
    without = make(**{**params, "memory": None}, epochs=2, learning_rate=0.01).fit(*fashion)
    assert without.history_["loss"] == recomputed.history_["loss"]
