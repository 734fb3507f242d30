"""Training that diverges is an error, whenever it shows."""

import numpy as np
import pytest

from skfashion import Backbone, TransferClassifier
from skfashion._training import phase
from skfashion._training.trainer import Trainer

DIVERGED = "Training diverged: the loss is .* Lower them"


def fit(images, **params):
    X, y = images
    return TransferClassifier(random_state=0, **params).fit(X, y)


@pytest.mark.parametrize("learning_rate", [1e4, 1e8, 1e20])
@pytest.mark.parametrize("freeze_until", [None, "features"])
def test_a_loss_far_above_guessing(lt5, learning_rate, freeze_until):
    with pytest.raises(ValueError, match=DIVERGED):
        fit(lt5, epochs=3, learning_rate=learning_rate, freeze_until=freeze_until)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_in_the_last_step(lt5, optimizer):
    """One step, whose loss is that of the initial weights."""
    with pytest.raises(ValueError, match=DIVERGED):
        fit(lt5, epochs=1, batch_size=200, optimizer=optimizer, learning_rate=1e30)


def test_on_the_source_task(fashion):
    with pytest.raises(ValueError, match="in epoch 1 of pretrain"):
        fit(
            fashion, pretrain_classes=[5, 6, 7, 8, 9], pretrain_epochs=1, pretrain_learning_rate=1e8
        )


def test_with_early_stopping(lt5):
    with pytest.raises(ValueError, match=DIVERGED):
        fit(lt5, epochs=3, learning_rate=1e8, early_stopping=True)


def test_in_partial_fit_a_fitted_estimator_stays_as_it_was(lt5):
    X, y = lt5
    clf = TransferClassifier(random_state=0).partial_fit(X, y, classes=range(5))
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match=DIVERGED):
        clf.set_params(learning_rate=1e20).partial_fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_large_weights_that_predict_well_are_no_divergence(lt5, monkeypatch):
    """The pass over the rows decides, and leaves the fit as it is."""
    evaluated, evaluate = [], Trainer.evaluate

    def note_and_evaluate(self, data):
        evaluated.append(len(data))
        return evaluate(self, data)

    monkeypatch.setattr(Trainer, "evaluate", note_and_evaluate)
    expected = fit(lt5, epochs=2).predict_proba(lt5[0])
    assert evaluated == []
    monkeypatch.setattr(phase, "LARGE_WEIGHT", 0.0)
    np.testing.assert_array_equal(fit(lt5, epochs=2).predict_proba(lt5[0]), expected)
    assert evaluated == [len(lt5[0])]


def test_weights_of_two_types_are_compared(lt5):
    def build(images):
        from keras import layers

        return layers.Conv2D(4, 3, dtype="float32", name="conv")(images)

    backbone = Backbone("own", build=build, stages=("conv",), min_size=8)
    clf = fit(lt5, backbone=backbone, dtype="float64", epochs=1)
    assert np.isfinite(clf.history_["loss"]).all()
