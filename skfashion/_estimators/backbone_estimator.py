"""The base class of estimators with a backbone: common parameters, saving, and pickling."""

import os
import warnings
from copy import deepcopy
from numbers import Integral
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from .._backbones.registry import pack_registered, register_unpickled
from .._backbones.spec import Backbone
from .._data.class_names import ClassNames
from .._data.image_decoding import RESIZES
from .._data.validation import INPUT_ATTRIBUTES
from .._persistence.left_out import LeftOut
from .._persistence.save_and_load import save
from .._reporting.card_sections import build_card
from .._reporting.model_card import ModelCard
from .._version import __version__

# The attribute that scikit-learn's `set_output` sets.
_OUTPUT_CONFIG = "_sklearn_output_config"


class BackboneEstimator(BaseEstimator):
    """Base of estimators with a backbone. Their pickles carry the registered backbones.

    A search passes names of backbones to its workers, which have only the built-in ones.
    """

    # The notebook representation links to these pages.
    _doc_link_module = "skfashion"
    _doc_link_template = (
        "https://skfashion.readthedocs.io/en/stable/api/generated/skfashion.{estimator_name}.html"
    )

    resize: str
    # The fitted state, with an `image_format`.
    _fitted: Any

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
        "memory": [str, os.PathLike, HasMethods(["cache"]), None],
        "memory_limit": [Interval(Integral, 1, None, closed="left"), str, None],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return "_fitted" in vars(self)

    @property
    def _fitted_resize(self) -> str:
        """How `fit` resized images. Files of early versions only have the parameter."""
        return self._fitted.image_format.resize or self.resize

    # -- Saving ----------------------------------------------------------------------------

    def save(self, path: str | os.PathLike) -> None:
        """Save the estimator to a file that `skfashion.load` reads without running code.

        Parameters
        ----------
        path : str or path-like
            Path of the file, by convention with the ending ``.skf``. An interrupted write leaves
            the old file, or none.

        See Also
        --------
        skfashion.save : Does the same, and lists the errors.
        """
        save(self, path)

    def card(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        *,
        class_names: ClassNames | None = None,
        title: str | None = None,
        file: str | os.PathLike = "model.skf",
    ) -> ModelCard:
        """Describe the fitted estimator on a page of Markdown.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,), default=None
            Images to score a classifier on. By default there are no scores.
        y : array-like of shape (n,), default=None
            Their labels.
        class_names : dict or sequence of str, default=None
            Names of labels: a dict, or a sequence in which integer labels are positions.
        title : str, default=None
            Title of the page. By default it has the name of the backbone.
        file : str or path-like, default="model.skf"
            File of the saved estimator. The page shows its name, without folders.

        Returns
        -------
        ModelCard
            The page. ``str(card)`` is its Markdown, and ``card.save(path)`` writes it.

        See Also
        --------
        skfashion.model_card : Does the same, also for pipelines, and lists the errors.
        """
        return build_card(self, [("", self)], [self], X, y, class_names, title, file)

    def _saved_state(self, left_out: LeftOut) -> dict[str, Any]:
        """Return the saved state of the estimator, and add attributes that it lacks."""
        state = self._fitted_state() if self.__sklearn_is_fitted__() else None
        values = {
            "params": self.get_params(deep=False),
            "fitted": state,
            "input": self._input_attributes(),
            "output": vars(self).get(_OUTPUT_CONFIG, {}).get("transform"),
        }
        left_out.add(type(self), vars(self).keys() - vars(self._restore(values)).keys())
        return {**values, "fingerprint": state and state.body_state.fingerprint()}

    @classmethod
    def _from_saved_state(cls, values: dict[str, Any]) -> Self:
        """Return the estimator with this saved state."""
        state = values["fitted"]
        estimator = cls._restore(values)
        if state is not None:
            n_features = getattr(estimator, "n_features_in_", None)
            if not isinstance(n_features, int):
                raise ValueError(f"n_features_in_={n_features!r} is no number of features")
            state.check()
            state.body_state.check(values["fingerprint"])
        return estimator

    @classmethod
    def _restore(cls, values: dict[str, Any]) -> Self:
        estimator = cls(**values["params"])
        estimator._validate_params()
        if values["fitted"] is not None:
            estimator._set_fitted_state(values["fitted"])
        for name in INPUT_ATTRIBUTES:
            if name in values["input"]:
                setattr(estimator, name, values["input"][name])
        # The first files of this format have no such entry.
        if output := values.get("output"):
            estimator.set_output(transform=output)
        return estimator

    def _input_attributes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in INPUT_ATTRIBUTES if name in vars(self)}

    def _fitted_state(self) -> Any:
        """Return the fitted state."""
        raise NotImplementedError

    def _set_fitted_state(self, state: Any) -> None:
        """Set the fitted state."""
        raise NotImplementedError

    # -- Copying and pickling --------------------------------------------------------------

    def _copied_state(self) -> dict[str, Any]:
        """Return the attributes that a copy or a pickle gets."""
        return super().__getstate__()

    def __copy__(self) -> Self:
        """Return a copy with the same attributes.

        Copies in this process find backbones by name. Those that a pickle carries would replace
        the ones that arrived with other estimators.
        """
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self._copied_state())
        return copied

    def __deepcopy__(self, memo: dict) -> Self:
        """Return a copy with copies of the attributes."""
        copied = memo[id(self)] = type(self).__new__(type(self))
        copied.__dict__.update(deepcopy(self._copied_state(), memo))
        return copied

    def __getstate__(self):
        """Add the version, and the registered backbones.

        These are bytes: the reader may lack modules that they need.
        """
        return {
            **self._copied_state(),
            "_registered_backbones": pack_registered(),
            "_skfashion_version": __version__,
        }

    def __setstate__(self, state):
        """Compare the version, and register the backbones that came with the estimator."""
        state = dict(state)
        version = state.pop("_skfashion_version", "pre-0.1.0")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"skfashion {__version__}",
                    original_sklearn_version=f"skfashion {version}",
                ),
                stacklevel=2,
            )
        for packed in state.pop("_registered_backbones", ()):
            register_unpickled(packed)
        super().__setstate__(state)
