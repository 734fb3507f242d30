"""Cross-validation on a class split: only the rows of the target task are split."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator, check_cv
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object
from sklearn.utils.validation import column_or_1d

from .._data.class_split import split_classes
from .._data.labels import format_labels


class ClassSplitCV(BaseCrossValidator):
    """Cross-validator for a class split: it splits the target rows and trains on all others.

    Every training fold holds all rows outside the target task, so the estimator pretrains on the
    same rows in every fold. There is no leakage, because those rows are never scored. Test folds
    hold only target rows, so every scorer of scikit-learn works unchanged.

    Parameters
    ----------
    cv : int or cross-validator, default=5
        Splitter of the target rows. A number is a number of stratified folds.
    pretrain_classes : array-like of shape (n_source_classes,), default=None
        Labels of the source task.
    target_classes : array-like of shape (n_classes,), default=None
        Labels of the target task. By default all that are not in `pretrain_classes`. One of the two
        must be given. Set `target_classes` for a search over `pretrain_classes`.

    See Also
    --------
    target_scorer : Makes any scorer leave out source rows, for other splitters.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion.model_selection import ClassSplitCV
    >>> y = np.array([0, 5, 0, 1, 5, 1, 6, 6])
    >>> for train, test in ClassSplitCV(2, pretrain_classes=[5, 6]).split(y, y):
    ...     print(train, test)
    [1 2 4 5 6 7] [0 3]
    [0 1 3 4 6 7] [2 5]
    """

    def __init__(
        self,
        cv: int | BaseCrossValidator = 5,
        *,
        pretrain_classes: ArrayLike | None = None,
        target_classes: ArrayLike | None = None,
    ) -> None:
        self.cv = cv
        self.pretrain_classes = pretrain_classes
        self.target_classes = target_classes

    def split(
        self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the indices of training and test rows.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Data.
        y : array-like of shape (n,), default=None
            Labels of both tasks. Required, although scikit-learn's signature makes it optional.
        groups : array-like of shape (n,), default=None
            Groups, for splitters that use them.

        Yields
        ------
        train : ndarray of shape (n_train,)
            Sorted indices of training rows: all rows outside the target task, and the target rows
            of the training fold.
        test : ndarray of shape (n_test,)
            Indices of test rows, all of the target task, in the order of the splitter.

        Raises
        ------
        ValueError
            If the classes do not match `y`, or a training fold lacks a target class.
        """
        X, y, groups = indexable(X, None if y is None else column_or_1d(y), groups)
        target = self._target_rows(y)
        others = np.flatnonzero(~target)
        rows, (X_target, y_target, groups_target) = self._target_data(target, X, y, groups)
        for train, test in self._target_splitter(y_target).split(X_target, y_target, groups_target):
            self._check_rows(len(rows), train, test)
            self._check_fold(y_target, y_target[train])
            yield np.sort(np.concatenate([others, rows[train]])), rows[test]

    def get_n_splits(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X : array-like of shape (n, ...), default=None
            Data, if the wrapped splitter needs it.
        y : array-like of shape (n,), default=None
            Labels of both tasks, if the wrapped splitter needs them.
        groups : array-like of shape (n,), default=None
            Groups, if the wrapped splitter needs them.

        Returns
        -------
        int
            The number of folds.
        """
        if y is None:
            return self._target_splitter().get_n_splits(X, y, groups)
        y = column_or_1d(y)
        _, data = self._target_data(self._target_rows(y), X, y, groups)
        return self._target_splitter().get_n_splits(*data)

    def get_metadata_routing(self) -> MetadataRequest:
        """Return the metadata routing of the wrapped splitter.

        Returns
        -------
        MetadataRequest
            Whether `split` wants `groups`.
        """
        return get_routing_for_object(self._target_splitter())

    def _check_rows(self, n_rows: int, train: np.ndarray, test: np.ndarray) -> None:
        """Check that a splitter numbers the target rows; `PredefinedSplit` has fixed numbers."""
        last = max(np.max(part, initial=-1) for part in (train, test))
        if last >= n_rows:
            raise ValueError(
                f"cv={type(self.cv).__name__}(...) has row {last}, but there are {n_rows} rows of "
                "the target task. Only these are split: give the folds of these rows."
            )

    # Halving searches read these two, to reject folds that differ between rounds.
    @property
    def shuffle(self) -> bool:
        """Whether the wrapped splitter shuffles."""
        return getattr(self.cv, "shuffle", True)

    @property
    def random_state(self) -> Any:
        """The seed of the wrapped splitter; 0 if it has none."""
        return getattr(self.cv, "random_state", 0)

    @staticmethod
    def _check_fold(y: np.ndarray, y_train: np.ndarray) -> None:
        missing = np.setdiff1d(y, y_train)
        if len(missing):
            raise ValueError(
                f"A training fold has no row of the target classes {format_labels(missing)}. "
                "Shuffle or stratify the folds: a number as cv does the latter. Each class needs "
                "two rows."
            )

    def _target_splitter(self, y: np.ndarray | None = None) -> BaseCrossValidator:
        if not (self.cv is None or isinstance(self.cv, Integral) or hasattr(self.cv, "split")):
            raise ValueError(
                f"cv={self.cv!r} must be a number of folds or a cross-validator. Lists of row "
                "numbers do not work, because only the target rows are split."
            )
        return check_cv(self.cv, y, classifier=True)

    def _target_rows(self, y: Any) -> np.ndarray:
        """Return a mask of the rows of the target task."""
        if y is None or (self.pretrain_classes is None and self.target_classes is None):
            raise ValueError(
                "ClassSplitCV needs y, and pretrain_classes or target_classes, to find the rows of "
                f"the target task; got pretrain_classes={self.pretrain_classes!r}, "
                f"target_classes={self.target_classes!r}{', y=None' if y is None else ''}."
            )
        return np.isin(y, split_classes(y, self.pretrain_classes, self.target_classes).target)

    @staticmethod
    def _target_data(target: np.ndarray, *data: Any) -> tuple[np.ndarray, list[Any]]:
        """Return the indices of the target rows, and these rows of each array."""
        rows = np.flatnonzero(target)
        return rows, [None if part is None else _safe_indexing(part, rows) for part in data]
