"""Pad and crop: each image of a batch has a separate shift by whole pixels."""

from math import ceil

from .._keras.tensorflow import keras, tf


class PadAndCrop(keras.layers.Layer):
    """Shifts of images by whole pixels, reflected at the border.

    Keras' `RandomCrop` shifts all images of a batch alike.

    Parameters
    ----------
    fraction : float
        Largest shift as a fraction of the side, rounded up to pixels; at most 0.5.
    """

    def __init__(self, fraction: float):
        super().__init__()
        self._fraction = fraction
        self.generator = keras.random.SeedGenerator(0)

    def call(self, images, training=None):
        """Return shifted images of shape (n, h, w, c); in inference mode the images."""
        if not training:
            return images
        for axis in (1, 2):
            pixels = self._draw_pixels(tf.shape(images)[0], images.shape[axis])
            images = tf.gather(images, pixels, axis=axis, batch_dims=1)
        return images

    def _draw_pixels(self, n_images, side):
        """Draw a shift for each image; return the source pixel of each position along an axis."""
        # Without rounding, 0.1 * 30 pixels may be a little more than 3.
        largest = min(ceil(round(self._fraction * side, 6)), side - 1)
        shifts = keras.random.randint(
            (n_images, 1), -largest, largest + 1, dtype="int32", seed=self.generator
        )
        # A position before the first or after the last pixel is reflected there.
        reflected = tf.abs(shifts + tf.range(side))
        return side - 1 - tf.abs(side - 1 - reflected)
