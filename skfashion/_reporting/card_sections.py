"""The sections of a model card."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from .._data.class_names import ClassNames, name_of_label
from .._persistence.backbones import ships
from .evaluation import SCORE_COLUMNS, Evaluation, evaluate
from .facts import (
    array_shape,
    changed_parameters,
    describe_input,
    describe_network,
    describe_training,
    find_versions,
    format_parameter,
    format_value,
    has_backbone,
)
from .markdown import escape, format_code, format_table
from .model_card import ModelCard
from .pictures import draw_confusion_matrix

_PICTURE = "confusion_matrix.png"
# Parts of a search that its section shows.
_SEARCH = {"n_splits_": "folds", "best_score_": "mean score of the best candidate"}

Steps = list[tuple[str, Any]]


def build_card(
    estimator: Any,
    steps: Steps,
    on_input: list[Any],
    X: ArrayLike | None,
    y: ArrayLike | None,
    class_names: ClassNames | None,
    title: str | None,
    file: str | PathLike,
) -> ModelCard:
    """Return the model card of a fitted estimator.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this library, or one of scikit-learn that contains it.
    steps : list of (str, estimator)
        The estimators in it by name, in the order of the data.
    on_input : list of estimator
        Those of them that get the input of `estimator` itself.
    X, y, class_names, title, file
        As for `skfashion.model_card`.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it contains no estimator of this library, or `X` is given and it is not a classifier.
    ValueError
        If one of `X` and `y` is missing, or they do not match the estimator.
    """
    parts = [(name, step) for name, step in steps if has_backbone(step)]
    if not parts:
        raise TypeError(
            "estimator must be a fitted TransferClassifier or BackboneFeatures, alone or in a "
            f"pipeline or search, got {type(estimator).__name__}."
        )
    for _, step in parts:
        check_is_fitted(step)
    evaluation = _evaluate(estimator, parts[-1][1], X, y, class_names)
    backbone = parts[-1][1]._fitted_state().body_state.architecture.backbone.name
    sections = {
        "Model": _format_model(estimator, parts),
        "Classes": _format_classes(estimator, parts[-1][1], class_names),
        "Input": _format_input(parts, on_input),
        "Training": _format_training(estimator, parts),
        "Evaluation": "" if evaluation is None else _format_evaluation(evaluation),
        "Parameters": _format_parameters(steps),
        "Use": _format_use(estimator, parts, on_input, PurePath(file).name),
        "Versions": _format_facts(find_versions()),
    }
    kind = "classifier" if hasattr(estimator, "classes_") else "features"
    return ModelCard(
        f"Image {kind} ({backbone})" if title is None else title,
        {name: text for name, text in sections.items() if text},
        {} if evaluation is None else {_PICTURE: draw_confusion_matrix(evaluation)[0]},
    )


def _evaluate(estimator, part, X, y, class_names) -> Evaluation | None:
    if (X is None) != (y is None):
        given, missing = ("X", "y") if y is None else ("y", "X")
        raise ValueError(f"{given} was passed without {missing}. Pass both or neither.")
    if X is None:
        return None
    if not hasattr(estimator, "classes_"):
        raise TypeError(
            f"X and y are scored with a classifier, but {type(estimator).__name__} is not one. "
            "Leave them out, or pass a pipeline that ends with a classifier."
        )
    check_matplotlib_support("A model card with scores")
    split = part._fitted.split if hasattr(part, "source_classes_") else None
    return evaluate(estimator, X, y, split, class_names)


# -- Sections ----------------------------------------------------------------------------------


def _format_model(estimator: Any, parts: Steps) -> str:
    if hasattr(estimator, "classes_"):
        purpose = (
            f"The model assigns an image to one of {len(estimator.classes_)} classes. It returns "
            "one of these for every image, also for an image of none of them."
        )
    else:
        purpose = "The model turns an image into numbers, the features that a network computes."
    return "\n\n".join([purpose, *_format_parts(parts, describe_network)])


def _format_classes(estimator: Any, part: Any, class_names: ClassNames | None) -> str:
    """Return a table of the labels in the order of `predict_proba`, and then of source labels."""
    if not hasattr(estimator, "classes_"):
        return ""
    target, source = list(estimator.classes_), list(getattr(part, "source_classes_", ()))
    columns = {label: str(number) for number, label in enumerate(target)}
    labels = [*target, *(label for label in source if label not in columns)]
    table = {
        "label": [*map(_format_label, labels)],
        "column of probabilities": [columns.get(label, "not predicted") for label in labels],
    }
    if class_names is not None:
        table = {"class": [name_of_label(label, class_names) for label in labels], **table}
    if source:
        table["class of the source task"] = [format_value(label in source) for label in labels]
    return format_table([*table], zip(*table.values(), strict=True))


def _format_label(label: Any) -> str:
    """Return a label as code."""
    is_number_or_text = isinstance(label, np.generic) and label.dtype.kind not in "mM"
    return repr(label.item() if is_number_or_text else label)


def _format_input(parts: Steps, on_input: list[Any]) -> str:
    name, part = _find_first(parts, on_input)
    table = _format_facts(describe_input(part))
    if not _contains(on_input, part):
        text = f"Other steps come before the step {escape(name)}, which takes these images."
    elif not all(map(has_backbone, on_input)):
        text = f"The step {escape(name)} takes these images. Other steps take the same input."
    else:
        return table
    return f"{text}\n\n{table}"


def _format_training(estimator: Any, parts: Steps) -> str:
    tables = _format_parts(parts, describe_training)
    if hasattr(estimator, "best_params_"):
        facts = {"search": type(estimator).__name__}
        facts["candidates"] = format_value(_count_candidates(estimator.cv_results_))
        for name, fact in _SEARCH.items():
            if hasattr(estimator, name):
                facts[fact] = f"{getattr(estimator, name):.4g}"
        for name, value in estimator.best_params_.items():
            facts[f"best {name}"] = format_parameter(name, value)
        tables.append(_format_facts(facts))
    return "\n\n".join(tables)


def _count_candidates(results: Mapping[str, Any]) -> int:
    """Return the number of candidates of a search. A halving search has a row for each round."""
    rounds = np.asarray(results.get("iter", np.zeros(len(results["params"]))))
    return int(np.count_nonzero(rounds == 0))


def _format_evaluation(evaluation: Evaluation) -> str:
    n_images = evaluation.n_images
    lines = [f"Scores on {n_images:,} images that were passed to make this page."]
    if evaluation.n_left_out:
        lines.append(evaluation.describe_left_out())
    if unknown := evaluation.unknown_names:
        names = ", ".join(map(escape, unknown))
        lines.append(f"The model does not predict {names}: all images of these count as mistakes.")
    facts = {
        "accuracy": f"{evaluation.accuracy:.3f} ({evaluation.n_right:,} of {n_images:,})",
        "F1, mean of the classes": f"{evaluation.mean_f1:.3f}",
        "accuracy of always the same answer": f"{evaluation.majority_share:.3f}",
    }
    return "\n\n".join(
        [
            " ".join(lines),
            _format_facts(facts),
            format_table(SCORE_COLUMNS, evaluation.score_rows()),
            f"![How many images of each true class are predicted as which]({_PICTURE})",
        ]
    )


def _format_parameters(steps: Steps) -> str:
    """Return a table of the parameters that are not the defaults, step by step."""
    rows = []
    for step, estimator in steps:
        if step:
            rows.append([step, type(estimator).__name__])
        for name, value in changed_parameters(estimator).items():
            rows.append([f"{step}__{name}" if step else name, value])
    if not rows:
        return "All parameters are the defaults."
    return format_table(["parameter that is not the default", "value"], rows)


def _format_use(estimator: Any, parts: Steps, on_input: list[Any], file: str) -> str:
    """Return how to load the estimator, and code that predicts one image with it."""
    extras = "tensorflow" if has_backbone(estimator) else "tensorflow,skops"
    text = (
        "`skfashion.save` writes the file, and `skfashion.load` reads it. Both need "
        f'`pip install "skfashion[{extras}]"`.'
    )
    bodies = (part._fitted_state().body_state.architecture for _, part in parts)
    if names := {body.backbone.name for body in bodies if not ships(body.backbone)}:
        text += (
            f" The backbone {', '.join(map(escape, sorted(names)))} does not come with skfashion: "
            "register it, or pass `backbones=[BACKBONE]` to `load`."
        )
    lines = ["import numpy as np", "import skfashion", "", f"model = skfashion.load({file!r})"]
    if all(map(has_backbone, on_input)):
        _, part = _find_first(parts, on_input)
        shape = ", ".join(map(str, (1, *array_shape(part))))
        dtype = "uint8" if sorted(part.pixel_range_) == [0, 255] else "float32"
        black = f"{part.pixel_range_[0]:g}"
        lines.append(f'X = np.full(({shape}), {black}, "{dtype}")  # one black image')
    elif hasattr(estimator, "n_features_in_"):
        lines.append(f"X = np.zeros((1, {estimator.n_features_in_}))  # one row of numbers")
    method = "predict" if hasattr(estimator, "predict") else "transform"
    code = "\n".join([*lines, f"print(model.{method}(X))"])
    return f"{text}\n\n{format_code(code, 'python')}"


# -- Parts -------------------------------------------------------------------------------------


def _find_first(parts: Steps, on_input: list[Any]) -> tuple[str, Any]:
    """Return the first part that gets the input itself, or the first one if none does."""
    return next((each for each in parts if _contains(on_input, each[1])), parts[0])


def _contains(on_input: list[Any], part: Any) -> bool:
    return any(each is part for each in on_input)


def _format_parts(parts: Steps, describe: Any) -> list[str]:
    """Return a table for each estimator of this library that has facts."""
    tables = []
    for name, part in parts:
        if facts := describe(part):
            heading = {"step": name} if name else {}
            tables.append(_format_facts({**heading, "estimator": type(part).__name__, **facts}))
    return tables


def _format_facts(facts: Mapping[str, Any]) -> str:
    rows: Iterable = ([name, format_value(value)] for name, value in facts.items())
    return format_table(["property", "value"], rows)
