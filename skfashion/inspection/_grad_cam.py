"""grad_cam: maps of the pixels that are evidence for a class."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import validate_params

from .._data.lazy_images import LazyImages
from .._data.validation import check_rows
from .._estimators.find_classifier import classifier_input, fitted_classifier
from .._estimators.transfer_classifier import TransferClassifier


@validate_params({"layer": [str, Integral, None]}, prefer_skip_nested_validation=True)
def grad_cam(
    estimator: BaseEstimator,
    X: ArrayLike,
    *,
    layer: str | int | None = None,
    target: Any = None,
) -> np.ndarray:
    """Return maps of the pixels that are evidence for a class: Grad-CAM [1]_.

    The map is the positive part of a weighted sum of the channels of a layer's output. The weight
    of a channel is the mean over pixels of the gradient of the class's logit, the score before
    softmax. The network is in inference mode, as in `predict`.

    Parameters
    ----------
    estimator : TransferClassifier
        A fitted classifier, or a fitted pipeline or search with one at its end. In a pipeline, maps
        are of the images as they arrive at the classifier.
    X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
        Images, flat rows, or n paths of files or images of any size.
    layer : str or int, default=None
        The layer with the weighted output: the name of a stage or layer with an output of shape
        (height, width, channels), "features" for the whole body, or a number of stages, as in
        `freeze_until` (1 is the first stage, -1 all but the last). By default the last stage with
        such an output.
    target : label or array-like of shape (n,), default=None
        The explained class: one of `classes_` for all images, or one for each. By default the
        predicted classes.

    Returns
    -------
    ndarray of shape (n, h, w)
        Maps in the size of the images (`image_shape_`), float32 from 0 to 1. Each map is divided by
        its maximum, so values of different maps cannot be compared. A map is 0 everywhere if no
        pixel is evidence for the class.

    Raises
    ------
    TypeError
        If there is no `TransferClassifier`.
    ValueError
        If there is no such layer, its output is not a feature map, a label is not in `classes_`, or
        the numbers of labels and images differ.

    See Also
    --------
    GradCAMDisplay : Draws the maps over the images.

    Notes
    -----
    A map has the resolution of the layer. It is enlarged to the image by bilinear interpolation,
    from edge to edge. The last stage of a deep backbone may have few pixels for small images: at 1
    x 1 its map is constant. Choose an earlier stage then, or a larger `input_size`. With
    ``Recipe(test_time_flips=True)`` the predicted class is that of both mirror images, but the map
    is of the image without a flip.

    References
    ----------
    .. [1] Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra: "Grad-CAM: Visual Explanations from
       Deep Networks via Gradient-based Localization", ICCV 2017, arXiv:1610.02391.

    Examples
    --------
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import grad_cam
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> clf = TransferClassifier(epochs=1).fit(X[:200], y[:200])
    >>> grad_cam(clf, X[:5]).shape
    (5, 28, 28)
    >>> maps = grad_cam(clf, X[:5], layer="conv1", target=9)
    """
    classifier = fitted_classifier(estimator)
    # This imports TensorFlow.
    from .._networks.class_activation import get_class_activation

    X = classifier_input(estimator, X)
    images = images_of(classifier, X)
    network = classifier._fitted
    activation = get_class_activation(network.architecture, layer)
    if target is None:
        classes = classifier.predict_proba(X).argmax(axis=1)
    else:
        classes = encode_target(target, classifier.classes_, len(images))
    return activation.maps(network.weights, images, classes)


def images_of(classifier: TransferClassifier, X: ArrayLike) -> LazyImages:
    """Return the images in `X` as inputs of a fitted classifier's network."""
    rows, _ = check_rows(classifier, X, classifier._fitted.image_format)
    return classifier._fitted.images(rows)


def encode_target(target: Any, classes: np.ndarray, n_images: int) -> np.ndarray:
    """Return the index of the explained class for each image.

    Parameters
    ----------
    target : label or array-like of shape (n_images,)
        A label for all images, or one for each.
    classes : ndarray of shape (n_classes,)
        The labels.
    n_images : int
        Number of images.

    Raises
    ------
    ValueError
        If a label is unknown, or there is another number of labels.
    """
    labels = np.asarray(target)
    if labels.shape not in ((), (n_images,)):
        raise ValueError(
            f"target must be one label, or one for each of the {n_images} images in X, got an "
            f"array of shape {labels.shape}."
        )
    indices = {label: index for index, label in enumerate(classes.tolist())}
    labels = np.broadcast_to(labels, n_images).tolist()
    if unknown := sorted({label for label in labels if label not in indices}, key=str):
        raise ValueError(
            f"target has labels that are not in classes_: {unknown}. Use labels of the target "
            f"task, {list(indices)}; they are compared with their type."
        )
    return np.array([indices[label] for label in labels])
