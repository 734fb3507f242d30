"""Score only the rows of the target task of a class split."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.validation import _check_method_params, column_or_1d

from .._estimators.find_classifier import fitted_classifier


def target_scorer(scoring: str | Callable[..., float]) -> Callable[..., float]:
    """Make a scorer that scores only the rows of the target task.

    Rows whose label `fit` saw outside the target task are left out. Rows whose label it never saw
    are scored and count as wrong. `TransferClassifier.score` does the same.

    Parameters
    ----------
    scoring : str or callable
        A name for scikit-learn's `scoring` parameters, or a scorer ``scorer(estimator, X, y)``.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, **params)``, for a fitted `TransferClassifier`, or a pipeline or
        search with one at its end.

    Raises
    ------
    ValueError
        If `scoring` is `None` or an unknown name.

    See Also
    --------
    ClassSplitCV : Makes test folds of target rows only, so that every scorer works.

    Examples
    --------
    >>> from skfashion.model_selection import target_scorer
    >>> target_scorer("f1_macro")
    target_scorer('f1_macro')
    """
    if scoring is None:
        raise ValueError(
            'target_scorer needs a name such as "f1_macro" or a scorer, got None. The score '
            "method of TransferClassifier needs none: it scores the target task anyway."
        )
    return _TargetScorer(scoring)


class _TargetScorer:
    def __init__(self, scoring: Any) -> None:
        self._scoring = scoring
        self._scorer = get_scorer(scoring)

    def __repr__(self) -> str:
        return f"target_scorer({self._scoring!r})"

    def __call__(self, estimator: Any, X: Any, y_true: Any, **params: Any) -> float:
        y = column_or_1d(y_true)
        classifier = fitted_classifier(estimator, rule="target_scorer scores", inside_others=True)
        rows = np.flatnonzero(classifier._fitted.split.scored_rows(y))
        params = _check_method_params(X, params, indices=rows)
        return self._scorer(estimator, _safe_indexing(X, rows), y[rows], **params)

    def _accept_sample_weight(self) -> bool:
        # Searches ask their scorers before they pass on weights.
        if hasattr(self._scorer, "_accept_sample_weight"):
            return self._scorer._accept_sample_weight()
        return "sample_weight" in signature(self._scorer).parameters

    def set_score_request(self, **requests: Any) -> "_TargetScorer":
        """Set the metadata that the wrapped scorer requests, as scikit-learn's scorers do."""
        self._scorer.set_score_request(**requests)
        return self

    def get_metadata_routing(self) -> Any:
        """Return the metadata routing of the wrapped scorer."""
        if hasattr(self._scorer, "get_metadata_routing"):
            return self._scorer.get_metadata_routing()
        return MetadataRequest(owner=self)
