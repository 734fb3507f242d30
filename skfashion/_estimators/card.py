"""The model card of a fitted estimator, alone or inside pipelines and searches."""

import os
from typing import Any

from numpy.typing import ArrayLike

from .._data.class_names import ClassNames
from .._reporting.card_sections import build_card
from .._reporting.model_card import ModelCard
from .find_classifier import fitted_steps, input_steps


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

    The page describes the predictions, classes, input, network, training and parameters of the
    model, how to load it, and versions. With `X` and `y` it also has scores, and a picture of the
    confusion matrix, which needs the extra ``plot``.

    Parameters
    ----------
    estimator : estimator
        A fitted `TransferClassifier` or `BackboneFeatures`, alone or in a pipeline or search. For a
        search the best estimator is described.
    X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,), default=None
        Images to score, as for `predict`. Use images that `fit` has not seen.
    y : array-like of shape (n,), default=None
        Labels of the images. Known labels outside the target task are left out, as in
        `TransferClassifier.score`.
    class_names : dict or sequence of str, default=None
        Names of labels: a dict, or a sequence in which integer labels are positions, as
        `target_names` of the data sets. By default labels are shown.
    title : str, default=None
        Title of the page. By default it has the name of the backbone.
    file : str or path-like, default="model.skf"
        File that `save` wrote or will write. The page shows its name, without folders.

    Returns
    -------
    ModelCard
        The page. ``str(card)`` is its Markdown, and ``card.save(path)`` writes it.

    Raises
    ------
    ImportError
        If `X` is passed, and matplotlib is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it contains no estimator of this library, or `X` is passed and it is not a classifier.
    ValueError
        If one of `X` and `y` is missing, they do not match the estimator, or `class_names` is a
        sequence and labels are not integers.

    See Also
    --------
    save : Saves the estimator itself.

    Notes
    -----
    Names of classes and files and values of parameters are shown as plain text, with any
    characters. Only the last part of a path is shown.

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
    steps, on_input = fitted_steps(estimator), input_steps(estimator)
    return build_card(estimator, steps, on_input, X, y, class_names, title, file)
