"""Find the `TransferClassifier` inside pipelines, searches and other wrappers."""

from collections.abc import Iterator
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils.validation import check_is_fitted

from .transfer_classifier import TransferClassifier


def find_classifier(estimator: Any) -> tuple[TransferClassifier | None, str]:
    """Find the `TransferClassifier` that does the predicting.

    Parameters
    ----------
    estimator : estimator
        A classifier, alone or at the end of a pipeline or search; it need not be fitted.

    Returns
    -------
    classifier : TransferClassifier or None
        The classifier, or `None` if there is none.
    prefix : str
        Prefix of the classifier's parameters, such as ``"estimator__clf__"``.
    """
    *_, (path, innermost) = _walk_to_classifier(estimator)
    if not isinstance(innermost, TransferClassifier):
        return None, ""
    return innermost, "".join(f"{name}__" for name in path)


def fitted_classifier(
    estimator: Any, rule: str = "estimator must be", *, inside_others: bool = False
) -> TransferClassifier:
    """Find the fitted `TransferClassifier` that does the predicting.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier, alone or at the end of a pipeline or search. For a search the best
        estimator is taken.
    rule : str, default="estimator must be"
        First words of the error raised if there is no classifier.
    inside_others : bool, default=False
        Whether it may be inside estimators that change its predictions, such as
        `CalibratedClassifierCV`.

    Returns
    -------
    TransferClassifier
        The fitted classifier.

    Raises
    ------
    TypeError
        If there is no `TransferClassifier`.
    sklearn.exceptions.NotFittedError
        If it is not fitted, or a search has no best estimator.
    """
    *wrappers, (_, innermost) = _walk_to_classifier(estimator, fitted=True)
    is_last = inside_others or all(_keeps_predictions(each) for _, each in wrappers)
    if not isinstance(innermost, TransferClassifier) or not is_last:
        raise TypeError(
            f"{rule} a fitted TransferClassifier, alone or at the end of a pipeline or search, "
            f"got {type(estimator).__name__}."
        )
    check_is_fitted(innermost)
    return innermost


def classifier_input(estimator: Any, X: Any) -> Any:
    """Return the input of the classifier inside a fitted estimator that predicts `X`.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier, alone or at the end of a pipeline or search.
    X : array-like of shape (n, ...)
        Input of the estimator.

    Returns
    -------
    array-like of shape (n, ...)
        `X` itself, or the output of the steps before the classifier.
    """
    for _, each in _walk_to_classifier(estimator, fitted=True):
        if len(getattr(each, "steps", ())) > 1:
            X = each[:-1].transform(X)
    return X


def changes_images(estimator: Any, *, fitted: bool = False) -> bool:
    """Whether a pipeline step transforms the images before they reach the classifier.

    Parameters
    ----------
    estimator : estimator
        A classifier, alone or at the end of a pipeline or search.
    fitted : bool, default=False
        Whether the steps of a fitted search are those of its best estimator. By default they are
        those of the estimator that it was given.
    """
    return any(
        step not in (None, "passthrough")
        for _, each in _walk_to_classifier(estimator, fitted=fitted)
        for _, step in getattr(each, "steps", ())[:-1]
    )


def iterate_parts(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and, recursively, every step and estimator that it wraps."""
    yield estimator
    # The last part of a `ColumnTransformer` does not predict: `_wrapped_estimators` leaves it out.
    in_columns = [part for _, part, _ in getattr(estimator, "transformers", ())]
    for part in [*in_columns, *(part for _, part in _wrapped_estimators(estimator))]:
        yield from iterate_parts(part)


def fitted_steps(estimator: Any) -> list[tuple[str, Any]]:
    """Return the fitted estimators in pipelines, unions and searches, in the order of the data.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator, alone or in pipelines, unions of features and searches. For a search the
        best estimator is taken.

    Returns
    -------
    list of (str, estimator)
        Estimators with their names in the parameters of the pipeline, such as "union__left"; ""
        for an estimator that is alone.
    """
    return [
        ("__".join(filter(None, (name, inner))), step)
        for name, each in _fitted_parts(estimator)
        for inner, step in fitted_steps(each)
    ] or [("", estimator)]


def input_steps(estimator: Any) -> list[Any]:
    """Return those of `fitted_steps` that get the input of the estimator itself.

    Parameters
    ----------
    estimator : estimator
        As for `fitted_steps`.

    Returns
    -------
    list of estimator
        The first step of a pipeline, and all members of a union of features.
    """
    parts = [part for _, part in _fitted_parts(estimator)]
    if hasattr(estimator, "steps"):
        parts = parts[:1]
    return [step for part in parts for step in input_steps(part)] or [estimator]


def _walk_to_classifier(
    estimator: Any, *, fitted: bool = False
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield `(path, estimator)` from an estimator inwards; `path` holds names of parameters."""
    path: tuple[str, ...] = ()
    yield path, estimator
    while wrapped := _wrapped_estimators(estimator, fitted=fitted):
        name, estimator = wrapped[-1]
        path = (*path, name)
        yield path, estimator


def _fitted_parts(estimator: Any) -> list[tuple[str, Any]]:
    """Return the fitted estimators that a fitted estimator wraps, by name."""
    if hasattr(estimator, "best_estimator_"):
        return [("", estimator.best_estimator_)]
    # Other estimators fit clones of the estimators inside them, unless these are frozen.
    is_frozen = isinstance(getattr(estimator, "estimator", None), FrozenEstimator)
    parts = _wrapped_estimators(estimator) if is_frozen or _keeps_predictions(estimator) else []
    return [(name, part) for name, part in parts if part not in (None, "passthrough", "drop")]


def _keeps_predictions(estimator: Any) -> bool:
    """Whether an estimator returns what the estimators inside it return."""
    is_composed = any(
        hasattr(estimator, name) for name in ("best_estimator_", "steps", "transformer_list")
    )
    return is_composed or isinstance(estimator, BaseSearchCV | FrozenEstimator)


def _wrapped_estimators(estimator: Any, *, fitted: bool = False) -> list[tuple[str, Any]]:
    """Return the estimators that an estimator wraps, by name; the last one predicts, if any."""
    if fitted and hasattr(estimator, "best_estimator_"):
        return [("best_estimator_", estimator.best_estimator_)]
    if fitted and isinstance(estimator, BaseSearchCV):
        raise NotFittedError(
            f"This {type(estimator).__name__} has no best estimator. Call fit first, with "
            "refit=True."
        )
    if hasattr(estimator, "steps"):
        return list(estimator.steps)
    if hasattr(estimator, "transformer_list"):
        return list(estimator.transformer_list)
    if hasattr(estimator, "estimator"):
        return [("estimator", estimator.estimator)]
    return []
