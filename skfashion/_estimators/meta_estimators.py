"""A class split cannot live inside every meta-estimator."""

import sys
from types import FrameType

from .._data.class_split import META_ESTIMATOR_REMEDY

# These encode or binarise y, or look at predictions for labels that the target task leaves out.
# Integer labels 0, 1, 2, ... survive their encoding unchanged, so y alone does not betray them.
_MODULES = (
    "sklearn.calibration",
    "sklearn.ensemble.",
    "sklearn.multiclass",
    "sklearn.multioutput",
    "sklearn.semi_supervised.",
    "sklearn.model_selection._classification_threshold",
)


_CROSS_VAL_PREDICT = ("sklearn.model_selection._validation", "_fit_and_predict")


def refuse_class_split_inside() -> None:
    """Raise if the running `fit` was called by a meta-estimator that a class split breaks.

    Raises
    ------
    ValueError
        With the way round it.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_MODULES) or (module, frame.f_code.co_name) == _CROSS_VAL_PREDICT:
            raise ValueError(
                f"pretrain_classes does not work inside a meta-estimator of {module}, which "
                f"expects every label of y among the predictions. {META_ESTIMATOR_REMEDY}"
            )
        frame = frame.f_back
