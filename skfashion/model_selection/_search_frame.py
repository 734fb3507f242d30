"""The results of a search over where to freeze, as a table that can be read."""

from contextlib import suppress
from math import nan
from numbers import Number

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._backbones.spec import Backbone
from .._cache.memory import memory_report, open_store
from ._candidates import Candidate, Data, architecture_of, freeze_until_of

_SCORES = ("mean_test_", "std_test_", "rank_test_")
_UNKNOWN = {
    "backbone": None,
    "freeze_until": None,
    "freeze_point": nan,
    "depth": nan,
    "n_frozen_params": nan,
    "n_trainable_params": nan,
}


def search_frame(search, X=None, y=None):
    """Return the results of a search as a readable table, a row for each candidate.

    Parameters
    ----------
    search : estimator
        A fitted `GridSearchCV`, `RandomizedSearchCV` or halving search over a
        `TransferClassifier`, alone or at the end of a pipeline.
    X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c), optional
        Images, or flat rows; one is enough. Parameters are counted for their shape. A search with
        ``refit=True`` knows it; behind other steps of a pipeline no other does.
    y : array-like of shape (n,), optional
        Labels of both tasks, for the same purpose.

    Returns
    -------
    pandas.DataFrame
        In the order of ``search.cv_results_``:

        - "backbone", its name; "freeze_until", as given; "freeze_point", what that came to, with
          numbers of stages and "auto" resolved, `None` for nothing frozen;
        - "depth", how many stages of the body are frozen; the head's layers count on;
        - the other parameters that vary, by their own names;
        - "n_frozen_params" and "n_trainable_params", nan where the shape of images or the classes
          are not known;
        - "mean_test_score", "std_test_score", "rank_test_score"; with several scorers those that
          `refit` names, or the first, and all by their own names;
        - "mean_fit_time" and "std_fit_time", seconds for a fit;
        - "iter" and "n_resources" of a halving search.

        Where the estimator has a `memory`, ``frame.attrs["memory"]`` is what `memory_report` says
        of it: what was found there, and the seconds that this saved.

    Raises
    ------
    ImportError
        If there is no pandas.
    sklearn.exceptions.NotFittedError
        If the search is not fitted.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.model_selection import ClassSplitCV, search_frame
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> source = [5, 6, 7, 8, 9]
    >>> search = GridSearchCV(
    ...     TransferClassifier(pretrain_classes=source, epochs=1, random_state=0),
    ...     {"freeze_until": [0, 1, "features"]},
    ...     cv=ClassSplitCV(2, pretrain_classes=source),
    ... ).fit(X[:500], y[:500])
    >>> frame = search_frame(search)
    >>> print(frame[["freeze_until", "freeze_point", "depth", "n_frozen_params"]])
      freeze_until freeze_point  depth  n_frozen_params
    0            0         None      0                0
    1            1        conv1      1              320
    2     features     features      2             9568
    """
    pandas = _import_pandas()
    check_is_fitted(search, "cv_results_")
    results, data = search.cv_results_, Data.after_fit(search, X, y)
    candidates = [Candidate(search, params) for params in results["params"]]
    facts = _without_repeats(candidates, data)
    columns = {name: [fact[name] for fact in facts] for name in _UNKNOWN}
    counts = {name: columns.pop(name) for name in ("n_frozen_params", "n_trainable_params")}
    columns |= _varying_params(candidates) | counts | _measured(search, results)
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


def _import_pandas():
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "search_frame makes a table of pandas, which is not installed: pip install pandas."
        ) from error
    return pandas


# -- What a candidate is -----------------------------------------------------------------------


def _without_repeats(candidates, data):
    """Return the facts of each candidate; those of equal ones are found out once."""
    known: dict = {}
    facts = []
    for candidate in candidates:
        key = _key(candidate)
        if key not in known:
            known[key] = _describe(candidate, data)
        facts.append({**known[key]})
    return facts


def _key(candidate):
    if candidate.classifier is None:
        return None
    names = (
        "backbone",
        "weights",
        "freeze_until",
        "pretrain_classes",
        "target_classes",
        "hidden_units",
        "input_size",
        "image_shape",
    )
    return tuple(repr(getattr(candidate.classifier, name)) for name in names)


def _describe(candidate: Candidate, data: Data):
    """Return where a candidate freezes, and how many parameters that leaves."""
    classifier = candidate.classifier
    if classifier is None:
        return _UNKNOWN
    facts = {
        **_UNKNOWN,
        "backbone": _readable(classifier.backbone),
        "freeze_until": classifier.freeze_until,
    }
    # A candidate that cannot be has no freeze point, and a score of nan.
    with suppress(ValueError):
        facts |= _freeze(classifier, data)
    return facts


def _freeze(classifier, data: Data):
    from .._networks.network import get_network

    network = get_network(architecture_of(classifier, data))
    point = network.resolve_freeze_point(freeze_until_of(classifier))
    facts = {"freeze_point": point, "depth": network.depth_of(point)}
    if data.image_shape_for(classifier) and data.split_for(classifier):
        counts = network.count_parameters(point)
        facts |= dict(zip(("n_frozen_params", "n_trainable_params"), counts, strict=True))
    return facts


def _memory_of(candidate):
    memory = getattr(candidate.classifier, "memory", None)
    return memory if open_store(memory) else None


# -- Parameters and results --------------------------------------------------------------------


def _varying_params(candidates):
    """Return the other parameters that differ between candidates, by short names."""
    names = dict.fromkeys(name for candidate in candidates for name in candidate.params)
    columns = {}
    for name in names:
        values = [_readable(_value(candidate, name)) for candidate in candidates]
        if len(set(map(repr, values))) > 1:
            columns[name] = values
    prefixes = {candidate.prefix for candidate in candidates}
    short = {name: _short(name, prefixes) for name in columns}
    taken = [*short.values(), *_UNKNOWN]
    return {
        short[name] if taken.count(short[name]) == 1 else name: values
        for name, values in columns.items()
        if not any(name in (f"{p}backbone", f"{p}freeze_until") for p in prefixes)
    }


def _value(candidate, name):
    """Return a candidate's parameter; where its grid leaves it alone, the estimator's own."""
    return candidate.estimator.get_params().get(name)


def _short(name, prefixes):
    for prefix in sorted(prefixes, key=len, reverse=True):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    return name.rsplit("__", 1)[-1]


def _readable(value):
    """Return what can be read, compared and grouped by in a table."""
    if isinstance(value, Backbone):
        return value.name
    if isinstance(value, list | tuple | range | np.ndarray):
        return tuple(np.asarray(value).tolist())
    return value


def _measured(search, results):
    """Return scores, ranks and seconds."""
    scorer = next(name for name in results if name.startswith("mean_test_"))[len("mean_test_") :]
    if isinstance(search.refit, str):
        scorer = search.refit
    columns = {f"{part}score": results[f"{part}{scorer}"] for part in _SCORES}
    columns |= {name: values for name, values in results.items() if name.startswith(_SCORES)}
    others = ("mean_fit_time", "std_fit_time", "iter", "n_resources")
    return columns | {name: results[name] for name in others if name in results}


def _are_numbers(values):
    return all(isinstance(value, Number) and not isinstance(value, bool) for value in values)
