"""Early stopping by itself: when it stops, and which weights it takes back."""

import pytest

from skfashion._training.early_stopping import EarlyStopping


def epochs_and_best(losses, patience=2, tol=0.0, reset_before=()):
    """Return how many epochs run with these validation losses, and the epoch that is best."""
    stopping = EarlyStopping(patience, tol)
    for epoch, loss in enumerate(losses, 1):
        if epoch in reset_before:
            stopping.reset_patience()
        if stopping.update({"val_loss": loss}, lambda epoch=epoch: epoch):
            break
    return epoch, stopping.best_weights(lambda: "the last ones")


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([3, 2, 1], (3, 3)),  # improves to the end
        ([3, 1, 2, 2, 0], (4, 2)),  # two epochs without an improvement
        ([3, 1, 2, 0, 2, 2], (6, 4)),  # an improvement starts the count again
        ([1, 1, 1, 1], (3, 1)),  # an equal loss is no improvement
        ([float("nan"), float("nan"), 1], (2, "the last ones")),
    ],
    ids=str,
)
def test_it_stops_after_so_many_epochs_without_improvement(losses, expected):
    assert epochs_and_best(losses) == expected


def test_less_than_tol_is_no_improvement_but_may_be_the_best():
    assert epochs_and_best([1.0, 0.95, 0.9, 0.85], tol=0.2) == (3, 3)


def test_patience_begins_anew_where_layers_are_unfrozen():
    assert epochs_and_best([1, 2, 2, 2, 2]) == (3, 1)
    assert epochs_and_best([1, 2, 2, 2, 2], reset_before=[3]) == (4, 1)


def test_without_patience_it_never_stops_and_needs_no_validation_loss():
    stopping = EarlyStopping(None, 0.0)
    assert not any(stopping.update({"loss": 1.0}, lambda: "best") for _ in range(9))
    assert stopping.best_weights(lambda: "the last ones") == "the last ones"
