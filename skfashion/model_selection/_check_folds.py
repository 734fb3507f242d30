"""Check the folds and scorers of a search against the tasks of its candidates."""

import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import PredefinedSplit, check_cv
from sklearn.utils.metadata_routing import get_routing_for_object

from .._data.labels import format_labels, list_labels
from .._estimators.transfer_classifier import TransferClassifier
from ._candidates import Candidate, SearchData
from ._class_split import ClassSplitCV


@dataclass(frozen=True)
class SearchFolds:
    """The folds and scorers of a search.

    Parameters
    ----------
    cv, scoring : object
        Parameters of the search.
    labels : list of (ndarray, ndarray) or None
        The distinct labels of the training and the test rows of each fold; `None` if unknown.
    failure : str or None
        Reason for missing folds; `None` if there are folds, or if they are unknown.
    """

    cv: Any
    scoring: Any
    labels: list[tuple[np.ndarray, np.ndarray]] | None = None
    failure: str | None = None

    @classmethod
    def from_search(cls, search: Any, data: SearchData) -> "SearchFolds":
        """Split the rows as the search will, if its labels are known and valid."""
        refused = data.failure is not None and is_classifier(search.estimator)
        # A generator of folds can be read only once, and the search must read it.
        if data.y is None or refused or hasattr(search.cv, "__next__"):
            return cls(search.cv, search.scoring)
        try:
            return cls(search.cv, search.scoring, _split_labels(search, data.X, data.y))
        except ValueError as error:
            return cls(search.cv, search.scoring, failure=f"cv={_short_name(search.cv)}: {error}")

    def check(self, candidate: Candidate, data: SearchData) -> None:
        """Check that a candidate can be trained and scored on every fold.

        Parameters
        ----------
        candidate : Candidate
            A candidate of the search.
        data : SearchData
            The known facts of the data.

        Raises
        ------
        ValueError
            If there are no folds, a training fold lacks a class, or a scorer would score rows
            outside the target task.
        """
        if self.failure is not None:
            raise ValueError(self.failure)
        used, left_out = _find_tasks(candidate, data)
        for number, (training, test) in enumerate(self.labels or ()):
            if len(missing := np.setdiff1d(used, training)):
                raise ValueError(
                    f"cv={_short_name(self.cv)}: the training rows of fold {number} lack the "
                    f"classes {format_labels(missing)}. {self._remedy(candidate, left_out)}"
                )
            if not len(np.setdiff1d(test, left_out)):
                raise ValueError(
                    f"cv={_short_name(self.cv)}: fold {number} has no test row of the target task. "
                    f"{self._remedy(candidate, left_out)}"
                )
            self._check_classes_of_scorer(number, candidate, used, left_out, test)
        self._check_scorers(candidate, left_out)

    def _check_classes_of_scorer(
        self,
        number: int,
        candidate: Candidate,
        used: np.ndarray,
        left_out: np.ndarray,
        test: np.ndarray,
    ) -> None:
        """Check that a test fold has every class, if a scorer of probabilities needs them."""
        scorer = next(filter(_takes_probabilities, _list_scorers(self.scoring)), None)
        missing = np.setdiff1d(np.setdiff1d(used, left_out), test)
        if scorer is None or not len(missing):
            return
        tested = [label for _, fold in self.labels or () for label in fold]
        is_tested = np.isin(missing, tested).any()
        remedy = "Use fewer folds, or add rows of these classes."
        raise ValueError(
            f"scoring={scorer!r} needs every class of the target task in the test rows, but those "
            f"of fold {number} lack {format_labels(missing)}. "
            f"{remedy if is_tested else self._remedy(candidate, left_out)}"
        )

    def _check_scorers(self, candidate: Candidate, left_out: np.ndarray) -> None:
        """Check that stock scorers see no rows outside the target task."""
        if self.labels is not None:
            scored = any(np.isin(test, left_out).any() for _, test in self.labels)
        else:
            scored = len(left_out) > 0 and self._splits_all_rows
        stock = _list_stock_scorers(self.scoring)
        if scored and stock:
            raise ValueError(
                f"scoring={stock[0]!r} also scores the test rows outside the target task, which "
                f"all count as wrong. {self._remedy(candidate, left_out)} Or use scoring="
                f"target_scorer({stock[0]!r})."
            )

    @property
    def _splits_all_rows(self) -> bool:
        """Whether the test folds are sure to hold rows of every class."""
        return (
            self.cv is None
            or isinstance(self.cv, Integral)
            or (
                type(self.cv).__module__.startswith("sklearn.")
                and not isinstance(self.cv, PredefinedSplit)
            )
        )

    def _remedy(self, candidate: Candidate, left_out: np.ndarray) -> str:
        classifier = candidate.classifier
        if classifier is not None and isinstance(self.cv, ClassSplitCV):
            return (
                f"ClassSplitCV has {_format_tasks(self.cv)}, but the candidate has "
                f"{_format_tasks(classifier)}. Name the same classes in both."
            )
        if not len(left_out):
            return "Use stratified folds, such as a number as cv, or add rows of these classes."
        inner = getattr(self.cv, "cv", self.cv)
        folds = 5 if inner is None or isinstance(inner, list | tuple) else _short_name(inner)
        return f"Use cv=ClassSplitCV({folds}, ...), which splits the target rows only."


def _format_tasks(named: ClassSplitCV | TransferClassifier) -> str:
    """Return the parameters of a class split that are set, as code."""
    tasks = {name: getattr(named, name) for name in ("pretrain_classes", "target_classes")}
    given = [f"{name}={format_labels(each)}" for name, each in tasks.items() if each is not None]
    return " and ".join(given) or "no class split"


def _short_name(cv: Any) -> str:
    """Return a short name of a splitter for messages, without long lists of rows."""
    if cv is None or isinstance(cv, Integral):
        return repr(cv)
    return "[...]" if isinstance(cv, list | tuple) else f"{type(cv).__name__}(...)"


def _split_labels(search: Any, X: Any, y: Any) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Return the distinct labels of training and test rows of each fold, `None` if unknown.

    Raises
    ------
    ValueError
        If the rows cannot be split.
    """
    # A RandomState inside the splitter must draw the same values for the search.
    splitter = check_cv(deepcopy(search.cv), y, classifier=is_classifier(search.estimator))
    if get_routing_for_object(splitter).split.requests.get("groups"):
        return None
    labels = np.asarray(y)
    with warnings.catch_warnings():
        # The search itself warns about classes with fewer rows than folds.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return [
            (np.unique(labels[training]), np.unique(labels[test]))
            for training, test in splitter.split(labels if X is None else X, labels)
        ]


def _find_tasks(candidate: Candidate, data: SearchData) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels that training needs, and the known labels outside the target task."""
    nothing = np.array([]) if data.labels is None else data.labels[:0]
    if candidate.classifier is None:
        if data.labels is None or not is_classifier(candidate.estimator):
            return nothing, nothing
        return data.labels, nothing
    split = data.split_for(candidate.classifier)
    if split is None:
        source = candidate.classifier.pretrain_classes
        return nothing, np.array(list_labels(source, "pretrain_classes"))
    return split.used, split.left_out


def _list_scorers(scoring: Any) -> list[Any]:
    if isinstance(scoring, Mapping):
        return list(scoring.values())
    return list(scoring) if isinstance(scoring, list | tuple | set) else [scoring]


def _list_stock_scorers(scoring: Any) -> list[Any]:
    """Return scikit-learn's scorers, which ignore tasks, among those of a search."""
    return [
        scorer
        for scorer in _list_scorers(scoring)
        if isinstance(scorer, str) or type(scorer).__module__.startswith("sklearn.metrics")
    ]


def _takes_probabilities(scorer: Any) -> bool:
    """Whether a scorer of scikit-learn, or a `target_scorer` of one, scores probabilities."""
    scorer = getattr(scorer, "_scoring", scorer)
    if isinstance(scorer, str):
        scorer = get_scorer(scorer)
    return "predict_proba" in getattr(scorer, "_response_method", ())
