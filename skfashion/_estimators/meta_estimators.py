"""Reject a class split inside meta-estimators that do not support it."""

import sys
from types import FrameType
from typing import Any

from .._data.class_split import remedy_inside_meta_estimators

# These encode or binarise y, or look up predictions for labels outside the target task. Integer
# labels 0, 1, 2, ... are encoded as themselves, so y does not reveal the meta-estimator.
_REFUSED_MODULES = (
    "sklearn.calibration",
    "sklearn.ensemble.",
    "sklearn.multiclass",
    "sklearn.multioutput",
    "sklearn.semi_supervised.",
    "sklearn.model_selection._classification_threshold",
)
_CROSS_VAL_PREDICT = ("sklearn.model_selection._validation", "_fit_and_predict")
# Named rather than imported, because `import skfashion` should not import them.
_PASS_Y_ON = {("sklearn.pipeline", "Pipeline"), ("sklearn.model_selection._search", "BaseSearchCV")}
_LIBRARIES = ("sklearn.", "skfashion.")


def refuse_class_split_inside(classifier: Any) -> None:
    """Check that no meta-estimator that a class split breaks called the running `fit`.

    The check concerns the nearest estimator that called `fit`. Pipelines and searches pass `y` on
    unchanged, so it concerns the estimator that called them. An estimator of another library or of
    the user chooses its data itself, so a class split is valid inside it.

    Parameters
    ----------
    classifier : TransferClassifier
        The classifier whose `fit` runs. Without `pretrain_classes` and `target_classes` nothing is
        checked.

    Raises
    ------
    ValueError
        If the nearest meta-estimator is one of scikit-learn's that encode, binarise or re-score
        `y`.
    """
    names = ("pretrain_classes", "target_classes")
    given = [name for name in names if getattr(classifier, name) is not None]
    frame: FrameType | None = sys._getframe(1) if given else None
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        function = frame.f_code.co_name
        if module.startswith(_REFUSED_MODULES) or (module, function) == _CROSS_VAL_PREDICT:
            raise ValueError(
                f"A class split does not work inside a meta-estimator of {module}, which expects "
                f"every label of y among the predictions, but {' and '.join(given)} "
                f"{'is' if len(given) == 1 else 'are'} set. Inside it "
                f"{remedy_inside_meta_estimators(given)}"
            )
        if not module.startswith(_LIBRARIES) and chooses_training_data(frame, classifier):
            return
        frame = frame.f_back


def chooses_training_data(frame: FrameType, classifier: Any) -> bool:
    """Whether a frame runs a method of another estimator that need not pass `y` on unchanged.

    Parameters
    ----------
    frame : frame
        A frame of the call stack.
    classifier : TransferClassifier
        The classifier whose `fit` runs.
    """
    code = frame.f_code
    # A function may take an estimator as its first argument; that of a method is called self.
    if not code.co_argcount or code.co_varnames[0] != "self":
        return False
    instance = frame.f_locals.get("self")
    bases = {(each.__module__, each.__name__) for each in type(instance).__mro__}
    passes_y_on = instance is classifier or bases & _PASS_Y_ON
    return hasattr(type(instance), "fit") and not passes_y_on
