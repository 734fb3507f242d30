"""The output layer that is best on a frozen body: a logistic regression on its features."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from .._messages import warnings_ignored

# Prior variance of the logits. The inverse strength of the L2 penalty is this variance divided by
# the number of features. Values from 3 to 30 were equally good on features of VGG16, InceptionV3
# and MobileNetV2, with 10 to 200 images a class.
PRIOR_VARIANCE = 10.0
# The cost of a probe is flat above this number of rows.
MOST_ROWS = 10_000
MOST_ROWS_TO_COMPARE = 1_000
N_FOLDS = 3
# Tolerance of the gradient. In double precision, repeated rows and weighted rows give the same
# probe up to this.
_TOLERANCES = {"float32": 1e-4, "float64": 1e-10}
_TOLERANCE_TO_COMPARE = 1e-3
# A feature whose standard deviation is at most this many roundings of its mean is constant.
_ROUNDINGS_OF_A_FEATURE = 10
_MOST_ITERATIONS = 1000


class LinearProbe:
    """A logistic regression on standardised features, as kernel and bias of an output layer.

    Parameters
    ----------
    features : ndarray of shape (n, n_features)
        Features of images.
    targets : ndarray of int of shape (n,)
        Encoded labels.
    weights : ndarray of shape (n,)
        Sample weights, as repetitions of a row. If their mean is below 1, they are divided by it:
        weights as shares of a whole count as much as weights of 1.
    n_classes : int
        Number of classes. A class without a row keeps a kernel and a bias of zero.
    tol : float, default=None
        Tolerance of the gradient; by default that of the features' type.
    """

    def __init__(self, features, targets, weights, n_classes: int, tol: float | None = None):
        weights = weights / min(1.0, np.mean(weights[weights > 0]))
        mean, scale = _moments(features, weights)
        present = np.unique(targets)
        self.kernel = np.zeros((features.shape[1], n_classes))
        self.bias = np.zeros(n_classes)
        if len(present) == 1:
            return
        regression = LogisticRegression(
            C=PRIOR_VARIANCE / features.shape[1],
            max_iter=_MOST_ITERATIONS,
            tol=tol or _TOLERANCES[features.dtype.name],
        )
        # Without convergence, fine-tuning starts a little off the optimum.
        with warnings_ignored(ConvergenceWarning):
            regression.fit((features - mean) / scale, targets, weights)
        coefficients, intercepts = _of_each_class(regression)
        kernel = coefficients.T / scale[:, None]
        self.kernel[:, present] = kernel
        self.bias[present] = intercepts - mean @ kernel

    def logits(self, features) -> np.ndarray:
        """Return the logits of images, of shape (n, n_classes)."""
        return features @ self.kernel + self.bias


def _moments(features, weights):
    """Return the weighted mean and standard deviation of each feature, 1 if it is constant."""
    mean = np.average(features, axis=0, weights=weights)
    scale = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights))
    # Sums over the rows are rounded in double precision, and the features in their type. A constant
    # that different batches round differently would count as much as any other feature.
    of_sums = len(features) * np.finfo(np.float64).eps
    of_features = _ROUNDINGS_OF_A_FEATURE * np.finfo(features.dtype).eps
    is_constant = scale <= max(of_sums, of_features) * np.abs(mean)
    return mean, np.where(is_constant, 1.0, scale)


def _of_each_class(regression):
    """Return coefficients and intercepts with a row for each class, of two classes as well."""
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(coefficients) > 1:
        return coefficients, intercepts
    return np.concatenate([-coefficients, coefficients]) / 2, np.repeat(intercepts, 2) * [-0.5, 0.5]


def cross_validated_loss(features, targets, weights, n_classes: int, seed: int) -> float:
    """Return the mean log loss of probes on rows that they did not see, by cross-validation.

    Parameters
    ----------
    features, targets, weights, n_classes
        As for `LinearProbe`.
    seed : int
        Seed of the folds.
    """
    n_folds = min(N_FOLDS, np.bincount(targets)[np.unique(targets)].min())
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    losses = np.empty(len(targets))
    for train, test in folds.split(features, targets):
        probe = LinearProbe(
            features[train], targets[train], weights[train], n_classes, _TOLERANCE_TO_COMPARE
        )
        logits = probe.logits(features[test])
        losses[test] = _log_sum_exp(logits) - logits[np.arange(len(test)), targets[test]]
    return float(np.average(losses, weights=weights))


def _log_sum_exp(logits):
    largest = logits.max(axis=1)
    return largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
