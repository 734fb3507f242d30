"""BackboneFeatures: a transformer from images to features of a backbone's layers."""

import os
from collections.abc import Sequence
from numbers import Integral
from typing import Self

import numpy as np
from joblib import Memory
from numpy.typing import ArrayLike
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .._backbones.freeze_points import resolve_layers
from .._backbones.registry import get_backbone
from .._backbones.spec import Backbone
from .._data.lazy_images import ImageFormat
from .._data.row_subset import RowSubset
from .._data.validation import check_rows, input_kept_on_failure
from .._interrupts import interrupts_deferred
from .._networks.architecture import BodyArchitecture
from .._random_streams import RandomStreams
from .backbone_estimator import BackboneEstimator
from .fitted_features import FeatureSharing, FittedFeatures
from .stores import open_memory


class BackboneFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BackboneEstimator):
    """Transformer from images to the pooled output of a layer of a backbone.

    Use it in a pipeline before any scikit-learn classifier, with `layer` as a hyperparameter. With
    a linear classifier this is a linear probe [1]_. Nothing is trained: `fit` loads the weights,
    and learns the pixel values for black and white.

    Parameters
    ----------
    backbone : str or Backbone, default="small_cnn"
        The body of the network: a name of `list_backbones`, or a `Backbone`.
    weights : str or path-like, default=None
        Weights of the body, as for `TransferClassifier`: `None` for random weights, "imagenet" for
        the official release, or a path.
    layer : str, int, list or tuple, default="features"
        The layer with the returned output: its name, or "features" for the whole body. A number
        counts stages, so that one grid serves several backbones (1 is the first stage, -1 all but
        the last). For a list, the outputs of its layers are concatenated in its order, from one
        pass.
    pooling : {"average", "max", "flatten"}, default="average"
        Conversion of a feature map of shape (height, width, channels) to a vector: its mean or
        maximum in each channel, or all values.
    random_state : int, RandomState instance or None, default=None
        Seed of random weights.
    image_shape : tuple, default=None
        Image shape of flat rows, and of files after they are resized: (height, width) or (height,
        width, channels), as for `TransferClassifier`.
    pixel_range : tuple of (black, white), default=None
        The values of `X` for black and white, such as (0, 1). By default `fit` learns them, as
        `pixel_range_` describes. For dark ink on white, black may be the larger value.
    resize : {"crop", "pad", "stretch"}, default="crop"
        Conversion of files and images to one shape (:ref:`photographs`): crop to the largest
        rectangle in the centre, pad the whole image with black, or distort it.
    reduced_decoding : bool, default=True
        Whether JPEG files are decoded in half, a quarter or an eighth of their size, which is
        faster, if that is at least twice the target size.
    input_size : int >= 1, default=None
        Side of resized images in pixels, at least the backbone's `min_size`. By default only images
        below that are enlarged. Files, images of different sizes and larger Pillow images have the
        backbone's `default_size`.
    dtype : {"float32", "float64", "mixed_bfloat16"}, default="float32"
        Data type of the computation. Features are float64 with "float64", else float32.
    memory : str, path-like or joblib.Memory, default=None
        Cache folder for features by image. Other fits and processes share it, and so does
        `TransferClassifier`. A pass over images stores the average and the maximum of the outputs
        of all stages, so a grid over `layer` and `pooling` takes one pass (:ref:`feature-grids`).
        Cached features are bit-identical to computed ones. Only arrays are read, never code.
    memory_limit : int >= 1 or str, default=None
        Largest size of the cache folder, in bytes or as a str such as "20G", with powers of 1,024.
        By default it is half of the sum of the disk's free space and the size of these files. The
        least recently used files are evicted first. A given limit neither counts nor evicts
        checkpoints of classifiers.

    Attributes
    ----------
    n_features_in_ : int
        Numbers in a row: height x width x channels of an image, unless rows are padded.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of columns, if `X` had any.
    image_shape_ : tuple of (height, width, channels)
        Shape of an image; for files and images of different sizes after they are resized.
    pixel_range_ : tuple of (black, white)
        The values for black and white, as for `TransferClassifier`.

    See Also
    --------
    TransferClassifier : Trains a backbone.

    References
    ----------
    .. [1] Alain, Bengio: "Understanding intermediate layers using linear classifier probes", 2016,
       arXiv:1610.01644.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skfashion import BackboneFeatures
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> probe = make_pipeline(
    ...     BackboneFeatures(layer="conv2", random_state=0),
    ...     StandardScaler(),
    ...     LogisticRegression(max_iter=1000),
    ... )
    >>> probe.fit(X[:500], y[:500]).score(X_test, y_test) > 0.5
    True
    """

    _parameter_constraints: dict = {
        **BackboneEstimator._parameter_constraints,
        "layer": [str, Integral, list, tuple],
        "pooling": [StrOptions({"average", "max", "flatten"})],
    }

    def __init__(
        self,
        backbone: str | Backbone = "small_cnn",
        *,
        weights: str | os.PathLike | None = None,
        layer: str | int | Sequence[str | int] = "features",
        pooling: str = "average",
        random_state: int | np.random.RandomState | None = None,
        image_shape: tuple[int, ...] | None = None,
        pixel_range: tuple[float, float] | None = None,
        resize: str = "crop",
        reduced_decoding: bool = True,
        input_size: int | None = None,
        dtype: str = "float32",
        memory: str | os.PathLike | Memory | None = None,
        memory_limit: int | str | None = None,
    ):
        self.backbone = backbone
        self.weights = weights
        self.layer = layer
        self.pooling = pooling
        self.random_state = random_state
        self.image_shape = image_shape
        self.pixel_range = pixel_range
        self.resize = resize
        self.reduced_decoding = reduced_decoding
        self.input_size = input_size
        self.dtype = dtype
        self.memory = memory
        self.memory_limit = memory_limit

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Load the weights, and learn the range of pixel values.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images, flat rows, or n paths of files or images of any size.
        y : None, default=None
            Ignored.

        Returns
        -------
        self : BackboneFeatures
            The fitted transformer.

        Raises
        ------
        ValueError
            If data, parameters and weights do not match.
        FileNotFoundError
            If the file of `weights` does not exist.
        """
        from .._networks.pooled_features import get_pooled_features
        from .._networks.weight_files import load_body_weights

        with input_kept_on_failure(self):
            rows, shape = check_rows(self, X)
            image_format = ImageFormat.learn_for(self, RowSubset(rows), shape)
            backbone = get_backbone(self.backbone)
            architecture = BodyArchitecture(
                backbone, image_format.image_shape, self.input_size, self.dtype
            )
            spec = architecture, resolve_layers(backbone, self.layer), self.pooling
            store = open_memory(self)
            pooled_features = get_pooled_features(*spec)
            if store is not None:
                pooled_features.body.check_recognised()
            if self.weights is None:
                weights = pooled_features.body.initial_weights(RandomStreams(self.random_state))
            else:
                weights = load_body_weights(self.weights, pooled_features.body)
            kept = {path: weights[path] for path in pooled_features.paths}
            state = FittedFeatures(image_format, *spec, kept, pooled_features.n_features)
            sharing = None if store is None else FeatureSharing.of(store, weights)
            self._set_fitted_state(state, sharing)
        return self

    @interrupts_deferred()
    def _set_fitted_state(
        self, state: FittedFeatures, sharing: FeatureSharing | None = None
    ) -> None:
        """Set the fitted state. Features of a loaded estimator are not shared."""
        self.image_shape_ = state.image_format.image_shape
        self.pixel_range_ = state.image_format.pixel_range
        self._n_features_out = state.n_features_out
        self._fitted = state
        self._sharing = sharing

    def _fitted_state(self) -> FittedFeatures:
        """Return the fitted state, to save it."""
        return self._fitted

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the features of images.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images of the shape seen in `fit`, their flat rows, or n paths of files or images of any
            size.

        Returns
        -------
        ndarray of shape (n, n_features_out)
            Features; float64 with ``dtype="float64"``, else float32.

        Raises
        ------
        ValueError
            If the images have another shape, or values that are not finite.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        FileNotFoundError, PermissionError, TypeError, ModuleNotFoundError, RuntimeError
            As for `TransferClassifier.fit`.
        """
        check_is_fitted(self)  # before the import of TensorFlow
        from .._networks.pooled_features import get_pooled_features

        rows, _ = check_rows(self, X, self._fitted.image_format)
        images = self._fitted.images(rows)
        pooled_features = get_pooled_features(*self._fitted.spec)
        if (sharing := self._sharing) is None:
            return pooled_features.features(self._fitted.weights, images)
        return pooled_features.shared_features(
            sharing.weights, sharing.hashes, images, sharing.store
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
