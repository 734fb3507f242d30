"""Mixed pairs of training images: mixup and CutMix as Keras layers on images and labels.

Keras has layers of these names. Its `MixUp` fails on float64 labels, and mixes by halves for a
small parameter, which should mix little. Its `CutMix` draws a new parameter of the beta
distribution for each batch, and its labels are wrong by up to 6 % of the pixels of a small image.
"""

from .._keras.tensorflow import keras, tf
from .regularization import Mixing


def build_mixing_layer(mixing: Mixing) -> "MixingLayer | None":
    """Build the layer that mixes pairs of images; `None` if nothing is mixed."""
    layers = [
        kind(alpha) for kind, alpha in ((Mixup, mixing.mixup), (CutMix, mixing.cutmix)) if alpha
    ]
    if len(layers) == 2:
        return EitherLayer(layers)
    return layers[0] if layers else None


class MixingLayer(keras.layers.Layer):
    """Base of layers that mix each image of a batch, and its label, with those of another one.

    Batches are in random order, so the image before it in the batch is a random one.
    """

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(0)

    def call(self, images, labels):
        """Return mixed images of shape (n, h, w, c) and labels of shape (n, n_classes)."""
        raise NotImplementedError

    def _draw_beta(self, alpha, n_images, dtype):
        """Draw from a symmetrical beta distribution, as a ratio of gamma distributions.

        Their logarithms are drawn, because values of small parameters underflow. A gamma variable
        of `alpha` is a gamma variable of `alpha` + 1 times a power of a uniform variable.
        """
        options = {"shape": (2, n_images), "dtype": dtype, "seed": self.generator}
        powers = tf.math.log(1 - keras.random.uniform(**options)) / alpha
        one, other = tf.unstack(
            tf.math.log(keras.random.gamma(alpha=alpha + 1, **options)) + powers
        )
        return tf.sigmoid(one - other)


class Mixup(MixingLayer):
    """Weighted means of two images or of their features, and of their labels [1]_ [2]_.

    Parameters
    ----------
    alpha : float
        Parameter of the beta distribution of the first image's weight.

    References
    ----------
    .. [1] Zhang, Cisse, Dauphin, Lopez-Paz: "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
       arXiv:1710.09412.
    .. [2] Verma et al.: "Manifold Mixup: Better Representations by Interpolating Hidden States",
       ICML 2019, arXiv:1806.05236.
    """

    def __init__(self, alpha: float):
        super().__init__()
        self._alpha = alpha

    def call(self, images, labels):
        """Return the means; features may have any shape that begins with the images."""
        share = self._draw_beta(self._alpha, tf.shape(images)[0], images.dtype)
        return (
            _mean(images, tf.reshape(share, [-1, *[1] * (len(images.shape) - 1)])),
            _mean(labels, tf.cast(share, labels.dtype)[:, None]),
        )


class CutMix(MixingLayer):
    """Images with a box of another one, and labels in proportion to pixels [1]_.

    Parameters
    ----------
    alpha : float
        Parameter of the beta distribution of the first image's share.

    References
    ----------
    .. [1] Yun, Han, Oh, Chun, Choe, Yoo: "CutMix: Regularization Strategy to Train Strong
       Classifiers with Localizable Features", ICCV 2019, arXiv:1905.04899.
    """

    def __init__(self, alpha: float):
        super().__init__()
        self._alpha = alpha

    def call(self, images, labels):
        """Return the images and the labels. A box may reach over the border, and is cut there."""
        n_images, height, width = tf.unstack(tf.shape(images)[:3])
        share = self._draw_beta(self._alpha, n_images, "float32")
        side = tf.sqrt(1 - share)
        rows, columns = self._draw_span(side, height), self._draw_span(side, width)
        box = rows[:, :, None, None] & columns[:, None, :, None]
        n_pixels = tf.cast(height * width, labels.dtype)
        outside = 1 - tf.reduce_sum(tf.cast(box, labels.dtype), axis=(1, 2, 3)) / n_pixels
        return tf.where(box, _partners(images), images), _mean(labels, outside[:, None])

    def _draw_span(self, side, length):
        """Return which of `length` pixels are in a span of a share of them around a random one."""
        size = tf.cast(length, side.dtype)
        middle = keras.random.uniform(tf.shape(side), dtype=side.dtype, seed=self.generator)
        begin, end = (tf.round((middle + sign * side / 2) * size) for sign in (-1, 1))
        pixels = tf.range(size)
        return (pixels >= begin[:, None]) & (pixels < end[:, None])


class EitherLayer(MixingLayer):
    """One of several layers for each batch, at random.

    Parameters
    ----------
    layers : list of MixingLayer
        Two layers.
    """

    def __init__(self, layers: list[MixingLayer]):
        super().__init__()
        self._either, self._or = layers

    def call(self, images, labels):
        """Return the output of one of the layers."""
        draw = keras.random.uniform((), seed=self.generator)
        return tf.cond(
            draw < 0.5, lambda: self._either(images, labels), lambda: self._or(images, labels)
        )


def _partners(batch):
    return tf.roll(batch, 1, axis=0)


def _mean(batch, share):
    return share * batch + (1 - share) * _partners(batch)
