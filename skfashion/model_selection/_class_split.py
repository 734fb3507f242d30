"""Cross-validation on a class split: the rows of the target task alone are split."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator, check_cv
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import column_or_1d

from .._data.class_split import split_classes


class ClassSplitCV(BaseCrossValidator):
    """Cross-validator for a class split: folds of the target rows, all other rows in training.

    Rows of the source task are never scored, so to have all of them in every training fold leaks
    nothing, and the estimator pretrains on the same rows in every fold. Test folds have target
    rows only, so every scorer of scikit-learn works as it is.

    Parameters
    ----------
    cv : int or cross-validator, default=5
        How to split the target rows. A number gives stratified folds.
    pretrain_classes : array-like, optional
        Labels of the source task.
    target_classes : array-like, optional
        Labels of the target task; by default all that are not in `pretrain_classes`. One of the
        two is needed; to search over ``pretrain_classes``, fix this one.

    See Also
    --------
    target_scorer : Makes any scorer leave out source rows, for splitters that know no tasks.

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

    def __init__(self, cv=5, *, pretrain_classes=None, target_classes=None):
        self.cv = cv
        self.pretrain_classes = pretrain_classes
        self.target_classes = target_classes

    def split(self, X, y=None, groups=None):
        """Generate the row numbers of training and test folds, in the order of the rows.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Data.
        y : array-like of shape (n,)
            Labels of both tasks.
        groups : array-like of shape (n,), optional
            Groups, for splitters that use them.

        Yields
        ------
        train : ndarray of int
            Training rows: all rows that are not of the target task, and some that are.
        test : ndarray of int
            Test rows, all of the target task.

        Raises
        ------
        ValueError
            If the classes do not fit `y`.
        """
        X, y, groups = indexable(X, None if y is None else column_or_1d(y), groups)
        target = self._target_rows(y)
        others = np.setdiff1d(np.arange(len(target)), np.flatnonzero(target))
        rows, (X_target, y_target, groups_target) = self._target_data(target, X, y, groups)
        for train, test in self._wrapped(y_target).split(X_target, y_target, groups_target):
            self._check_fold(y_target, y_target[train])
            yield np.union1d(others, rows[train]), rows[test]

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : array-like, optional
            As for `split`; needed where the wrapped splitter needs them.

        Returns
        -------
        int
            The number of folds.
        """
        if y is None:
            return self._wrapped().get_n_splits(X, y, groups)
        y = column_or_1d(y)
        _, data = self._target_data(self._target_rows(y), X, y, groups)
        return self._wrapped(data[1]).get_n_splits(*data)

    def get_metadata_routing(self):
        """Return the metadata routing of the wrapped splitter.

        Returns
        -------
        MetadataRequest
            Whether `groups` is wanted.
        """
        return self._wrapped().get_metadata_routing()

    @staticmethod
    def _check_fold(y, y_train):
        missing = np.setdiff1d(y, y_train)
        if len(missing):
            raise ValueError(
                f"A training fold has no row of the target classes {missing.tolist()}. Shuffle or "
                "stratify the folds: a number as cv does the latter."
            )

    def _wrapped(self, y=None):
        if not (self.cv is None or isinstance(self.cv, Integral) or hasattr(self.cv, "split")):
            raise ValueError(
                f"cv={self.cv!r} must be a number of folds or a cross-validator. Row numbers do "
                "not do, because it splits the target rows only."
            )
        return check_cv(self.cv, y, classifier=True)

    def _target_rows(self, y):
        if y is None or (self.pretrain_classes is None and self.target_classes is None):
            raise ValueError(
                "ClassSplitCV needs y, and pretrain_classes or target_classes, to know the rows of "
                f"the target task; got pretrain_classes={self.pretrain_classes}, "
                f"target_classes={self.target_classes}{', y=None' if y is None else ''}."
            )
        return np.isin(y, split_classes(y, self.pretrain_classes, self.target_classes).target)

    @staticmethod
    def _target_data(target, *data):
        rows = np.flatnonzero(target)
        return rows, [None if part is None else _safe_indexing(part, rows) for part in data]
