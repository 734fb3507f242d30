"""`model_`: the fitted network as a Keras model, which is built when it is first read."""

from contextvars import ContextVar
from typing import Any

from .backbone_estimator import BackboneEstimator

_DIR_LISTS_MODEL: ContextVar[bool] = ContextVar("_DIR_LISTS_MODEL", default=True)


class FittedModelEstimator(BackboneEstimator):
    """An estimator with the attribute `model_`. Its fit sets `_fitted`, and `_model` to `None`."""

    _fitted: Any
    _model: Any

    def __dir__(self) -> list[str]:
        names = [*super().__dir__()]
        lists_model = _DIR_LISTS_MODEL.get() and self.__sklearn_is_fitted__()
        return [*names, "model_"] if lists_model else names

    def _get_fitted_attr_html(self, doc_link=""):
        # scikit-learn's notebook representation reads every attribute that dir() lists, and
        # reading model_ builds a network.
        token = _DIR_LISTS_MODEL.set(False)
        try:
            return super()._get_fitted_attr_html(doc_link)
        finally:
            _DIR_LISTS_MODEL.reset(token)

    def __getattr__(self, name: str) -> Any:
        # model_ is not a property, because inspect.getmembers reads all properties of the class.
        if name != "model_" or "_fitted" not in vars(self):
            remedy = " before fit. Call fit first." if name == "model_" else ""
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}{remedy}"
            )
        if self._model is None:
            self._model = self._fitted.build_model()
        return self._model

    def _copied_state(self) -> dict:
        state = super()._copied_state()
        return {name: None if name == "_model" else value for name, value in state.items()}
