"""The score of a class split."""

import numpy as np
import pytest


def test_score_leaves_out_source_rows(fitted, fashion):
    X, y = fashion
    target = y < 5
    expected = np.mean(fitted.predict(X[target]) == y[target])
    assert fitted.score(X, y) == fitted.score(X[target], y[target]) == expected


def test_score_counts_labels_never_seen_as_wrong(fitted, fashion):
    X, y = fashion
    target = y < 5
    strange = np.where(np.arange(len(y)) % 2, y, 77)[target]
    assert fitted.score(X[target], strange) == np.mean(fitted.predict(X[target]) == strange)


def test_score_takes_weights(fitted, fashion):
    X, y = fashion
    right = fitted.predict(X) == y
    assert fitted.score(X, y, sample_weight=right.astype(float)) == 1.0


def test_score_without_a_target_row_is_an_error(fitted, fashion):
    X, y = fashion
    with pytest.raises(ValueError, match=r"No row of y has a label of the target task, \[0, 1"):
        fitted.score(X[y >= 5], y[y >= 5])
