"""A table of freeze points before any fit: linear probes and gradient ratios."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from .._estimators.transfer_classifier import TransferClassifier
from ._class_split import ClassSplitCV
from ._search_frame import import_pandas

if TYPE_CHECKING:
    import pandas

MOST_RECOMMENDED = 4


def rank_freeze_points(
    estimator: TransferClassifier, X: ArrayLike, y: ArrayLike, *, cv: Any = 3
) -> "pandas.DataFrame":
    """Measure each freeze point at the weights that fine-tuning would start from.

    The images pass through the network three times. The first pass gives the features of all
    stages. At each stage a linear probe, a logistic regression on the averaged features, is
    cross-validated. The second pass gives the inputs of the output layer, and a logistic regression
    on them becomes the output layer. The third pass, forward and backward, gives the ratio of
    gradient to weights of each stage [1]_. No fit is made, except for pretraining if there are
    `pretrain_classes`.

    Parameters
    ----------
    estimator : TransferClassifier
        The estimator. It is not changed, and its `freeze_until` is not used. With
        ``body_until="auto"`` the whole body is measured. Pretraining and features are shared
        through its `memory`.
    X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
        Images, flat rows, or n paths of files or images of any size.
    y : array-like of shape (n,)
        Labels of both tasks. Only rows of the target task are measured, 2,000 at most.
    cv : int, cross-validator or iterable, default=3
        Folds for the probes, as in `GridSearchCV`. A number or a splitter splits the target rows,
        and an iterable has row numbers of `X`. Only the `cv` of a `ClassSplitCV` is used: the
        estimator names the tasks.

    Returns
    -------
    pandas.DataFrame
        A row for each freeze point, from nothing frozen to the whole body, with the columns

        - "freeze_until": the value of the parameter, 0 for nothing frozen;
        - "depth": number of frozen body stages;
        - "n_frozen_params": number of frozen parameters;
        - "mean_probe_score" and "std_probe_score": accuracy of the probe over the folds, and its
          standard deviation; nan for nothing frozen;
        - "gradient_ratio": norm of the loss's gradient over the norm of the weights, of the stage
          that this point freezes last; nan for nothing frozen, and for a stage without weights;
        - "recommended": whether a search should try this point. Four points at most are
          recommended, at equal distances from nothing frozen to the best probe.

    Raises
    ------
    ImportError
        If pandas is not installed; the extra `plot` installs it.
    TypeError
        If the estimator is no `TransferClassifier`.
    ValueError
        If parameters, data and folds do not fit together.

    See Also
    --------
    freeze_points : Lists the freeze points of a backbone.

    Notes
    -----
    Neither measure predicts the order of freeze points by score. With 50 images of each class of
    Fashion-MNIST no point after the best probe had the best score, so none is recommended there
    (:ref:`ranking`).

    References
    ----------
    .. [1] Lee et al.: "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts", ICLR 2023,
       arXiv:2210.11466.

    Examples
    --------
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.model_selection import rank_freeze_points
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> clf = TransferClassifier(pretrain_classes=[5, 6, 7, 8, 9], pretrain_epochs=1)
    >>> frame = rank_freeze_points(clf, X[:200], y[:200])
    >>> print(frame[["freeze_until", "depth", "n_frozen_params"]])
      freeze_until  depth  n_frozen_params
    0            0      0                0
    1        conv1      1              320
    2     features      2             9568
    """
    pandas = import_pandas("rank_freeze_points")
    if not isinstance(estimator, TransferClassifier):
        raise TypeError(
            f"estimator must be a TransferClassifier, got {type(estimator).__name__}. For a "
            "pipeline, pass its last step, and the images that this step takes."
        )
    classifier = clone(estimator).set_params(freeze_until="features", warm_start=False)
    # A clone keeps callbacks. They would wait for the end of a fit that is never made.
    classifier.set_callbacks()
    if classifier.body_until == "auto":
        classifier.set_params(body_until=None)
    classifier._validate_params()
    from .._estimators.point_measures import measure_freeze_points
    from .._estimators.prepare_fit import prepare_fit

    folds = cv.cv if isinstance(cv, ClassSplitCV) else cv
    points = measure_freeze_points(prepare_fit(classifier, X, y, None, resumes=False), folds)
    return pandas.DataFrame(
        {
            "freeze_until": pandas.Series([each.freeze_until for each in points], dtype=object),
            "depth": [each.depth for each in points],
            "n_frozen_params": [each.n_frozen_params for each in points],
            "mean_probe_score": [np.mean(each.probe_scores) for each in points],
            "std_probe_score": [np.std(each.probe_scores) for each in points],
            "gradient_ratio": [each.gradient_ratio for each in points],
        }
    ).assign(recommended=lambda frame: recommend_points(frame["mean_probe_score"]))


def recommend_points(probe_scores: ArrayLike) -> np.ndarray:
    """Return whether each point is recommended: a few from the first to the best probe."""
    probe_scores = np.asarray(probe_scores)
    best = int(np.nanargmax(probe_scores))
    n_points = min(MOST_RECOMMENDED, best + 1)
    recommended = np.zeros(len(probe_scores), dtype=bool)
    recommended[np.linspace(0, best, n_points).round().astype(int)] = True
    return recommended
