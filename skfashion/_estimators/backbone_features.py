"""BackboneFeatures: images in, features of a backbone's front part out."""

from numbers import Integral

from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .._backbones.freeze_points import resolve_freeze_point
from .._backbones.registry import BackboneEstimator, get_backbone
from .._data.lazy_images import ImageFormat
from .._data.row_subset import RowSubset
from .._data.validation import check_rows
from .._networks.architecture import BodyArchitecture
from .._random_streams import RandomStreams


class BackboneFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BackboneEstimator):
    """Transformer from images to the features that a layer of a backbone sees in them.

    In front of any scikit-learn classifier it makes a classifier of images, with `layer` as a
    hyperparameter: a linear probe where that is a linear one [1]_. Nothing is trained: `fit` takes
    the weights, and learns what pixel values mean black and white.

    Parameters
    ----------
    backbone : str or Backbone, default="small_cnn"
        The network's body: a name of `list_backbones`, or a `Backbone`.
    weights : str or path-like, default=None
        `None` for random weights, "imagenet" for the official release, or a path; as for
        `TransferClassifier`.
    layer : str or int, default="features"
        Whose output is taken: a layer's or stage's name, "features" for the whole body, or a number
        of stages, so that one grid serves several backbones (1 is the first stage, -1 all but the
        last).
    pooling : {"average", "max", "flatten"}, default="average"
        How a feature map of shape (height, width, channels) becomes a vector: its mean or maximum
        in each channel, or all of it.
    random_state : int, RandomState instance or None, default=None
        Seeds random weights.
    image_shape : tuple, default=None
        (height, width) or (height, width, channels) that flat rows fold into, as for
        `TransferClassifier`.
    pixel_range : tuple of (black, white), default=None
        The values of `X` that mean black and white, such as (0, 1). By default they are learned in
        `fit`, as `pixel_range_` says. In images of dark ink on white, black may be the larger one.
    input_size : int, default=None
        Side, in pixels, that images are resized to; by default they stay as they are, but for such
        as are smaller than the backbone takes.
    dtype : {"float32", "float64", "mixed_bfloat16"}, default="float32"
        What the network computes in. Features are float64 with "float64", else float32.

    Attributes
    ----------
    n_features_in_ : int
        Numbers in an image, height x width x channels.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of columns, if `X` had any.
    image_shape_ : tuple of (height, width, channels)
        Shape of an image.
    pixel_range_ : tuple of (black, white)
        The values that mean black and white, as for `TransferClassifier`.

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
        "layer": [str, Integral],
        "pooling": [StrOptions({"average", "max", "flatten"})],
    }

    def __init__(
        self,
        backbone="small_cnn",
        *,
        weights=None,
        layer="features",
        pooling="average",
        random_state=None,
        image_shape=None,
        pixel_range=None,
        input_size=None,
        dtype="float32",
    ):
        self.backbone = backbone
        self.weights = weights
        self.layer = layer
        self.pooling = pooling
        self.random_state = random_state
        self.image_shape = image_shape
        self.pixel_range = pixel_range
        self.input_size = input_size
        self.dtype = dtype

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Take the weights, and learn the range of pixel values.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images, or flat rows.
        y : None
            Ignored.

        Returns
        -------
        self : BackboneFeatures
            The fitted transformer.

        Raises
        ------
        ValueError
            If data, parameters and weights do not fit together.
        FileNotFoundError
            If there is no file of weights.
        """
        from .._networks.pooled_features import get_pooled_features
        from .._networks.weight_files import load_body_weights

        rows, shape = check_rows(self, X)
        image_format = ImageFormat.learn(RowSubset(rows), shape, self.image_shape, self.pixel_range)
        backbone = get_backbone(self.backbone)
        architecture = BodyArchitecture(
            backbone, image_format.image_shape, self.input_size, self.dtype
        )
        extractor = get_pooled_features(architecture, self._layer_name(backbone), self.pooling)
        if self.weights is None:
            weights = extractor.graph.initial_weights(RandomStreams(self.random_state))
        else:
            weights = load_body_weights(self.weights, extractor.graph)
        self.image_shape_ = image_format.image_shape
        self.pixel_range_ = image_format.pixel_range
        self._extracting = architecture, self._layer_name(backbone), self.pooling
        self._weights = {path: weights[path] for path in extractor.paths}
        self._n_features_out = extractor.n_features
        return self

    def _layer_name(self, backbone):
        name = resolve_freeze_point(backbone, self.layer, "layer")
        if name is None:
            raise ValueError("layer=0 is no stage: count from 1, or give a name.")
        return name

    def transform(self, X):
        """Return the features of images.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images of the shape seen in `fit`, or flat rows of such.

        Returns
        -------
        ndarray of shape (n, n_features_out)
            Features; float64 with ``dtype="float64"``, else float32.

        Raises
        ------
        ValueError
            If the images are of another shape.
        """
        from .._networks.pooled_features import get_pooled_features

        check_is_fitted(self)
        rows, _ = check_rows(self, X, self.image_shape_)
        architecture, *_ = self._extracting
        image_format = ImageFormat(self.image_shape_, self.pixel_range_)
        images = image_format.lazy_images(RowSubset(rows), architecture.float_type)
        return get_pooled_features(*self._extracting).features(self._weights, images)

    def __sklearn_is_fitted__(self):
        return "_weights" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
