"""The results of a search over freeze points as a table."""

from collections.abc import Iterable
from numbers import Number
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils.validation import check_is_fitted

from .._cache.memory import memory_report, open_store
from ._candidate_table import describe_candidates, varying_params
from ._candidates import Candidate, SearchData

if TYPE_CHECKING:
    import pandas

_SCORE_PREFIXES = ("mean_test_", "std_test_", "rank_test_")
_OTHER_RESULTS = ("mean_fit_time", "std_fit_time", "iter", "n_resources")
_PARAMETER_COUNTS = ("n_frozen_params", "n_trainable_params")


def search_frame(
    search: BaseEstimator, X: ArrayLike | None = None, y: ArrayLike | None = None
) -> "pandas.DataFrame":
    """Return the results of a search as a readable table, one row per candidate.

    Parameters
    ----------
    search : estimator
        A fitted `GridSearchCV`, `RandomizedSearchCV` or halving search over a
        `TransferClassifier`, alone or at the end of a pipeline.
    X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,), default=None
        Images, flat rows or paths; one image is enough. Parameters are counted for images of this
        shape. A search with ``refit=True`` has the shape already, unless files, Pillow images or
        flat rows may have another one for each candidate. With other pipeline steps before the
        classifier, only such a search has it.
    y : array-like of shape (n,), default=None
        Labels of both tasks, to count parameters of the output layer.

    Returns
    -------
    pandas.DataFrame
        Rows in the order of ``search.cv_results_``, with the columns

        - "backbone": its name; "freeze_until": the parameter as given; "freeze_point": the
          resolved freeze point, `None` if nothing is frozen. With ``freeze_until="auto"`` it is
          nan if the default of the backbone depends on an unknown number of images. "cut" and
          "depth" are then nan as well;
        - "cut": the first freeze point that cuts the network at the same tensor. Candidates
          with the same backbone and cut, and otherwise equal parameters, are the same fit;
        - "depth": number of frozen body stages; layers of the head count further;
        - the other parameters that vary, without their prefixes;
        - "n_frozen_params" and "n_trainable_params": nan if the freeze point, the image shape or
          the classes are unknown, or if layers depend on the images (``body_until="auto"`` with
          few images, or ``hidden_units="auto"`` if their number is unknown);
        - "mean_test_score", "std_test_score", "rank_test_score": with several scorers those of
          the scorer that `refit` names, or of the first, followed by all under their full names,
          except a scorer that is called "score" and is not that one;
        - "mean_fit_time" and "std_fit_time": seconds per fit;
        - "iter" and "n_resources": only of a halving search.

        If the estimator has a `memory`, ``frame.attrs["memory"]`` holds its `memory_report`: the
        results found there, and the saved seconds.

    Raises
    ------
    ImportError
        If pandas is not installed; the extra `plot` installs it.
    TypeError
        If `search` is no search.
    sklearn.exceptions.NotFittedError
        If the search is not fitted.

    See Also
    --------
    skfashion.inspection.FreezeDepthDisplay : Draws the same results.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.model_selection import ClassSplitCV, search_frame
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> source = [5, 6, 7, 8, 9]
    >>> search = GridSearchCV(
    ...     TransferClassifier(
    ...         pretrain_classes=source, pretrain_epochs=1, epochs=1, random_state=0
    ...     ),
    ...     {"freeze_until": [0, 1, "features"]},
    ...     cv=ClassSplitCV(2, pretrain_classes=source),
    ... ).fit(X[:100], y[:100])
    >>> frame = search_frame(search)
    >>> print(frame[["freeze_until", "freeze_point", "depth", "n_frozen_params"]])
      freeze_until freeze_point  depth  n_frozen_params
    0            0         None      0                0
    1            1        conv1      1              320
    2     features     features      2             9568
    """
    return describe_search(search, X, y).drop(columns="position")


def describe_search(search: Any, X: Any, y: Any) -> "pandas.DataFrame":
    """Return `search_frame` with another column, "position", which orders freeze points.

    Parameters
    ----------
    search, X, y
        As for `search_frame`.
    """
    pandas = import_pandas("search_frame")
    if not isinstance(search, BaseSearchCV) and not hasattr(search, "cv_results_"):
        raise TypeError(
            "search must be a fitted GridSearchCV, RandomizedSearchCV or halving search, got "
            f"{type(search).__name__}. Fit a search over it."
        )
    check_is_fitted(search, "cv_results_")
    results, data = search.cv_results_, SearchData.after_fit(search, X, y)
    candidates = [Candidate(search, params) for params in results["params"]]
    columns = describe_candidates(candidates, data)
    counts = {name: columns.pop(name) for name in _PARAMETER_COUNTS}
    columns |= varying_params(candidates) | counts | _select_results(search)
    frame = pandas.DataFrame(
        {
            name: pandas.Series(values, dtype=None if _are_numbers(values) else object)
            for name, values in columns.items()
        }
    )
    memory = next((memory for memory in map(_memory_of, candidates) if memory), None)
    if memory is not None:
        frame.attrs["memory"] = memory_report(memory)
    return frame


def import_pandas(caller: str) -> Any:
    """Return pandas, which a function or a display needs."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"{caller} requires pandas, which is not installed: run `pip install pandas` or "
            '`pip install "skfashion[plot]"`.'
        ) from error
    return pandas


def find_main_scorer(search: Any) -> str:
    """Return the name of the main scorer in the results of a fitted search.

    Of several scorers it is the one that `refit` names, or the first. A single scorer is called
    "score", whatever name `refit` has.
    """
    results = search.cv_results_
    if isinstance(search.refit, str) and f"mean_test_{search.refit}" in results:
        return search.refit
    return next(name for name in results if name.startswith("mean_test_"))[len("mean_test_") :]


def _select_results(search: Any) -> dict[str, Any]:
    """Return scores, ranks and fit times, the main scorer's first."""
    results, scorer = search.cv_results_, find_main_scorer(search)
    main = {f"{prefix}score": results[f"{prefix}{scorer}"] for prefix in _SCORE_PREFIXES}
    scores = {name: values for name, values in results.items() if name.startswith(_SCORE_PREFIXES)}
    others = {name: results[name] for name in _OTHER_RESULTS if name in results}
    # Another scorer may be called "score".
    return main | scores | main | others


def _memory_of(candidate: Candidate) -> Any:
    """Return the `memory` of a candidate, `None` if it has none or an invalid one."""
    memory = getattr(candidate.classifier, "memory", None)
    try:
        return memory if open_store(memory) else None
    except ValueError:
        return None


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(isinstance(value, Number) and not isinstance(value, bool) for value in values)
