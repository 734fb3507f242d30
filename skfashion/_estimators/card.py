"""The model card of a fitted estimator, alone or inside pipelines and searches."""

import os
from typing import Any

from numpy.typing import ArrayLike

from .._data.class_names import ClassNames
from .._reporting.card_sections import build_card
from .._reporting.model_card import ModelCard
from .find_classifier import fitted_steps


def model_card(
    estimator: Any,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    class_names: ClassNames | None = None,
    title: str | None = None,
    file: str | os.PathLike = "model.skf",
) -> ModelCard:
    """Describe a fitted estimator on a page of Markdown.

    The page says what the model is for, its classes, the images that it takes, its network, how it
    was trained, its parameters, how to load it, and versions. With `X` and `y` it has scores as
    well, and a picture of the confusion matrix, which needs the extra ``plot``.

    Parameters
    ----------
    estimator : estimator
        A fitted `TransferClassifier` or `BackboneFeatures`, alone or in a pipeline or search. Of a
        search the best estimator is described.
    X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,), default=None
        Images to score, as `predict` takes them. `fit` should not have seen them.
    y : array-like of shape (n,), default=None
        Their labels. As in `TransferClassifier.score`, those known to be outside the target task
        are left out.
    class_names : dict or sequence of str, default=None
        Names of labels: a dict, or a sequence in which integer labels are positions, as
        `target_names` of the data sets. `None` shows labels.
    title : str, default=None
        The title of the page; `None` for one with the name of the backbone.
    file : str or path-like, default="model.skf"
        The file that `save` wrote or will write. The page has its name, without folders.

    Returns
    -------
    ModelCard
        The page. ``str(card)`` is its Markdown, and ``card.save(path)`` writes it.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is no estimator of this library in it, or `X` is passed and it is no classifier.
    ValueError
        If one of `X` and `y` is missing, or they do not fit the estimator.

    See Also
    --------
    save : Saves the estimator itself.

    Notes
    -----
    Names of classes and files and values of parameters are text on the page, whatever characters
    they have. Of paths the page has the last part only.

    Examples
    --------
    >>> from skfashion import TransferClassifier, model_card
    >>> from skfashion.datasets import load_fashion_sample
    >>> fashion = load_fashion_sample()
    >>> clf = TransferClassifier(epochs=1, random_state=0)
    >>> clf.fit(fashion.data[:200], fashion.target[:200])
    TransferClassifier(epochs=1, random_state=0)
    >>> card = model_card(clf, class_names=fashion.target_names, title="Clothes")
    >>> card
    ModelCard('Clothes', sections=['Model', 'Classes', 'Input', 'Training', 'Parameters', 'Use',
    'Versions'])
    >>> print(card.sections["Classes"][:87])
    | class | label | column of probabilities |
    | --- | --- | --- |
    | T-shirt/top | 0 | 0 |
    """
    return build_card(estimator, fitted_steps(estimator), X, y, class_names, title, file)
