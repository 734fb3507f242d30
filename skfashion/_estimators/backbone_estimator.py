"""The base class of estimators with a backbone: common parameters, and pickling."""

import os
from numbers import Integral

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from .._backbones.registry import pack_registered, register_unpickled
from .._backbones.spec import Backbone
from .._data.image_decoding import RESIZES


class BackboneEstimator(BaseEstimator):
    """Base of estimators with a backbone. Their pickles carry the registered backbones.

    A search passes names of backbones to its workers, and these know only those that ship.
    """

    _parameter_constraints: dict = {
        "backbone": [str, Backbone],
        "weights": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "image_shape": [tuple, list, None],
        "pixel_range": [tuple, list, None],
        "resize": [StrOptions(set(RESIZES))],
        "reduced_decoding": ["boolean"],
        "input_size": [Interval(Integral, 1, None, closed="left"), None],
        "dtype": [StrOptions({"float32", "float64", "mixed_bfloat16"})],
    }

    def __getstate__(self):
        """Add the registered backbones, as bytes: the reader may lack modules that they need."""
        return {**super().__getstate__(), "_registered_backbones": pack_registered()}

    def __setstate__(self, state):
        """Register the backbones that came with the estimator."""
        state = dict(state)
        for packed in state.pop("_registered_backbones", ()):
            register_unpickled(packed)
        super().__setstate__(state)
