"""Find the invalid candidates of a search before anything trains."""

import warnings
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.model_selection import ParameterGrid, ParameterSampler

from .._messages import warn_user
from ._candidates import SearchData
from ._check_candidate import invalid_reason
from ._check_folds import SearchFolds

# Of a larger product of lists of a random search, a sample is checked.
MOST_CANDIDATES = 2_000
_MAX_REASONS = 10
_MAX_CHARACTERS = 300

Params = Mapping[str, Any]


def check_search(
    search: BaseEstimator, X: ArrayLike | None = None, y: ArrayLike | None = None
) -> BaseEstimator:
    """Find the invalid candidates of a search before anything trains.

    Invalid candidates have, for example, a stage that the backbone lacks, a missing file of
    weights, or a parameter outside its range. A freeze point may leave nothing to train. An output
    layer may be kept between tasks with different numbers of classes. A search gives such
    candidates a score of nan and a warning each, after it has trained others.

    Folds and scorers are checked as well. A training fold must hold every class. A scorer of
    scikit-learn must not see rows outside the target task, which it would count as wrong.
    `check_search` trains nothing. Layers that are not stages are looked up in a network with random
    weights.

    Parameters
    ----------
    search : estimator
        A `GridSearchCV`, `RandomizedSearchCV` or halving search over a `TransferClassifier`, alone
        or at the end of a pipeline. Earlier pipeline steps are checked as well.
    X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,), default=None
        Images for the fit of the search, or their paths. If given, their shape is checked, unless a
        pipeline step changes it.
    y : array-like of shape (n,), default=None
        Labels of both tasks. If given, the classes and the folds of ``search.cv`` are checked,
        except folds that need groups or come from a generator.

    Returns
    -------
    search : estimator
        The search that was passed, so ``check_search(search, X, y).fit(X, y)`` works.

    Raises
    ------
    TypeError
        If `search` is not a search.
    ValueError
        If there are invalid candidates. The message counts them and lists the reasons.

    Warns
    -----
    UserWarning
        If a randomized search draws from distributions without a fixed `random_state`, or if its
        number of candidates depends on the data. Its lists are checked, and one value of each
        distribution, but not the values that it will draw. If lists have more than 2,000
        combinations, each value is checked, and a random sample of 2,000 combinations.

    See Also
    --------
    freeze_points : Lists grids of candidates that can all be fitted.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skfashion import TransferClassifier
    >>> from skfashion.model_selection import check_search
    >>> grid = {"backbone": ["small_cnn", "vgg16"], "freeze_until": ["conv1", "features"]}
    >>> check_search(GridSearchCV(TransferClassifier(), grid))
    Traceback (most recent call last):
      ...
    ValueError: 1 of 4 candidates would fail or be scored wrongly:
    - {'backbone': 'vgg16', 'freeze_until': 'conv1'}: freeze_until='conv1' is not one of ...
    """
    candidates, unchecked = _list_candidates(search)
    data = SearchData.before_fit(X, y)
    folds = SearchFolds.from_search(search, data)
    failures: dict[str, list[Params]] = {}
    for params in candidates:
        reason = invalid_reason(search, params, data, folds)
        if reason is not None:
            failures.setdefault(reason, []).append(params)
    if failures:
        raise ValueError(_invalid_candidates_message(failures, len(candidates)))
    if unchecked:
        warn_user(
            "check_search has checked the lists of this search and one value of each "
            f"distribution, but not what it will draw for {unchecked}: {_explain_unchecked(search)}"
        )
    return search


def _sample_combinations(lists: list[dict[str, Any]]) -> list[Params]:
    """Return all combinations of lists; of many, a sample that has each value."""
    if len(ParameterGrid(lists)) <= MOST_CANDIDATES:
        return list(ParameterGrid(lists))
    warn_user(
        f"The lists of this search have {len(ParameterGrid(lists)):,} combinations. check_search "
        f"checks each value, and {MOST_CANDIDATES:,} combinations, chosen at random. Set "
        "random_state and the number of candidates to an int, so that the drawn ones are checked."
    )
    first = [{name: values[0] for name, values in space.items()} for space in lists]
    each_value = [
        {**base, name: value}
        for base, space in zip(first, lists, strict=True)
        for name, values in space.items()
        for value in values
    ]
    sample = [*each_value, *ParameterSampler(lists, MOST_CANDIDATES, random_state=0)]
    return list({repr(sorted(params.items())): params for params in sample}.values())


def _explain_unchecked(search: Any) -> str:
    """Return why it is not known what a search will draw, with a remedy."""
    if isinstance(search.random_state, Integral):
        return (
            f"with n_candidates={search.n_candidates!r} the number of candidates depends on the "
            "data. Set n_candidates to an int."
        )
    return (
        f"random_state={search.random_state!r} draws other candidates in every fit. Set "
        "random_state to an int."
    )


def _list_candidates(search: Any) -> tuple[list[Params], list[str]]:
    """Return the candidates that a search may try, and the parameters that stay unchecked."""
    if hasattr(search, "param_grid"):
        return list(ParameterGrid(search.param_grid)), []
    if not hasattr(search, "param_distributions"):
        raise TypeError(
            "check_search checks a GridSearchCV, RandomizedSearchCV, or halving search, got "
            f"{type(search).__name__}."
        )
    spaces = search.param_distributions
    n_drawn = getattr(search, "n_iter", None) or search.n_candidates
    if isinstance(search.random_state, Integral) and isinstance(n_drawn, Integral):
        with warnings.catch_warnings():
            # The search itself warns about a space that is smaller than n_iter.
            warnings.simplefilter("ignore", UserWarning)
            return list(ParameterSampler(spaces, n_drawn, random_state=search.random_state)), []
    spaces = [spaces] if isinstance(spaces, dict) else spaces
    drawn = {name for space in spaces for name, values in space.items() if hasattr(values, "rvs")}
    random_state = np.random.RandomState(0)
    lists = [
        {
            name: [values.rvs(random_state=random_state)] if hasattr(values, "rvs") else values
            for name, values in space.items()
        }
        for space in spaces
    ]
    return _sample_combinations(lists), sorted(drawn)


def _invalid_candidates_message(failures: Mapping[str, list[Params]], n_candidates: int) -> str:
    n_invalid = sum(map(len, failures.values()))
    lines = [f"{n_invalid} of {n_candidates} candidates would fail or be scored wrongly:"]
    for reason, invalid in [*failures.items()][:_MAX_REASONS]:
        more = f" and {len(invalid) - 1} more" if len(invalid) > 1 else ""
        lines.append(f"- {_shorten(repr(invalid[0]))}{more}: {_shorten(reason)}")
    if len(failures) > _MAX_REASONS:
        lines.append(f"- and for {len(failures) - _MAX_REASONS} more reasons")
    if any("freeze_until=" in reason for reason in failures):
        lines.append("freeze_points gives grids of candidates that can all be fitted.")
    return "\n".join(lines)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 3]}..."
