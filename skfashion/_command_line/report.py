"""The report on an evaluation: one HTML page that needs no other file and no network."""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from importlib import metadata, resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._cache.store import write_file
from .._version import __version__
from ..inspection._image_panels import format_percent
from ..inspection._mistakes import mistakes_title, select_mistakes, to_visible_images
from .evaluation import Evaluation
from .pictures import draw_confusion_matrix, encode_image

_MOST_MISTAKES = 12
_SHOWN_SHAPE = (224, 224, 3)
_PACKAGES = ("numpy", "scikit-learn", "keras", "tensorflow", "pillow")
_FITTED = {
    "freeze_point_": "frozen until",
    "n_frozen_params_": "frozen parameters",
    "n_trainable_params_": "trained parameters",
    "n_iter_": "epochs",
    "batch_size_": "batch size",
    "image_shape_": "shape of an image",
    "input_size_": "size in the network",
    "body_until_": "last stage of the backbone",
    "head_init_": "start of the output layer",
    "kept_probe_": "output layer is the probe",
}


def write_report(
    path: Path, evaluation: Evaluation, model: BaseEstimator, model_name: str, folder: str
) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        The file. An interrupted write leaves the old file, or none.
    evaluation : Evaluation
        The scores.
    model : estimator
        The classifier.
    model_name : str
        The name of its file.
    folder : str
        The folder of the images.
    """
    style = resources.files(__package__).joinpath("report.css").read_text("utf-8")
    template = resources.files(__package__).joinpath("report.html").read_text("utf-8")
    confusion, width = draw_confusion_matrix(evaluation)
    now = datetime.now().astimezone()
    page = Template(template).substitute(
        style=style,
        title=escape(f"Evaluation of {Path(model_name).name}"),
        date=escape(f"{now:%Y-%m-%d %H:%M %Z}"),
        tiles=_format_tiles(evaluation),
        scores=_format_scores(evaluation),
        confusion=confusion,
        width=width,
        mistakes=_format_mistakes(evaluation, folder, getattr(model, "resize", "crop")),
        model=_format_facts({"file": model_name, **_describe_model(model)}),
        parameters=escape(model.__repr__(N_CHAR_MAX=10_000)),
        data=_format_facts(_describe_data(evaluation, folder)),
        versions=_format_facts(_find_versions()),
    )
    # Names of files may hold bytes that are no text.
    write_file(path.resolve(), page.encode(errors="replace"))


# -- Parts -------------------------------------------------------------------------------------


def _format_tiles(evaluation: Evaluation) -> str:
    n_right = int(evaluation.confusion.trace())
    n_images = evaluation.n_images
    share = float(evaluation.confusion.sum(axis=1).max() / n_images)
    tiles = [
        (f"{evaluation.accuracy:.3f}", "accuracy", f"{n_right:,} of {n_images:,} images"),
        (f"{evaluation.scores['macro avg']['f1-score']:.3f}", "F1", "mean of the classes"),
        (f"{share:.3f}", "majority class", "accuracy of always the same answer"),
    ]
    return "".join(
        f"<div><strong>{value}</strong><span>{name}</span><small>{note}</small></div>"
        for value, name, note in tiles
    )


def _format_scores(evaluation: Evaluation) -> str:
    rows = []
    for number, label in enumerate(evaluation.labels):
        scores = evaluation.scores[label]
        ratios = [f"{scores[name]:.3f}" for name in ("precision", "recall", "f1-score")]
        mistaken = evaluation.confusion[number].copy()
        mistaken[number] = 0
        other = int(mistaken.argmax())
        often = f"{evaluation.labels[other]} ({mistaken[other]:,})" if mistaken.any() else ""
        rows.append([label, *ratios, f"{int(scores['support']):,}", often])
    heads = ["class", "precision", "recall", "F1", "images", "most often mistaken for"]
    return f"<thead>{_format_row(heads, 'th')}</thead><tbody>" + (
        "".join(_format_row(row) for row in rows) + "</tbody>"
    )


def _format_row(cells: Iterable[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _format_mistakes(evaluation: Evaluation, folder: str, resize: str) -> str:
    """Return the most confident mistakes, each with its file and its classes."""
    true, predicted, confidence = evaluation.y_true, evaluation.y_pred, evaluation.confidence
    shown, n_mistakes = select_mistakes(true, predicted, confidence, _MOST_MISTAKES)
    title = mistakes_title(len(shown), n_mistakes, evaluation.n_images)
    if not n_mistakes:
        return f"<p>{title}.</p>"
    images = to_visible_images(evaluation.files, shown, _SHOWN_SHAPE, resize=resize)
    figures = "".join(
        _format_mistake(
            encode_image(image),
            os.path.relpath(evaluation.files[row], Path(folder).expanduser()),
            f"{predicted[row]} ({format_percent(confidence[row])})",
            true[row],
        )
        for image, row in zip(images, shown, strict=True)
    )
    return f'<p>{title}.</p><div class="images">{figures}</div>'


def _format_mistake(picture: str, file: str, predicted: str, true: str) -> str:
    file, predicted, true = map(escape, (file, predicted, true))
    return (
        f'<figure><img src="{picture}" alt="{file}"><figcaption><b>{predicted}</b>'
        f"<span>is {true}</span><small>{file}</small></figcaption></figure>"
    )


def _format_facts(facts: dict[str, Any]) -> str:
    return "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(_format_value(value))}</dd>"
        for name, value in facts.items()
    )


def _format_value(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " x ".join(map(str, value))
    return "nothing" if value is None else str(value)


# -- Facts -------------------------------------------------------------------------------------


def _describe_model(model: Any) -> dict[str, Any]:
    known = {name: getattr(model, name) for name in _FITTED if hasattr(model, name)}
    classes = ", ".join(map(str, model.classes_))
    return {"classes": classes, **{_FITTED[name]: value for name, value in known.items()}}


def _describe_data(evaluation: Evaluation, folder: str) -> dict[str, Any]:
    return {
        "folder": folder,
        "images": evaluation.n_images,
        "classes": len(set(evaluation.y_true.tolist())),
    }


def _find_versions() -> dict[str, str]:
    versions = {"skfashion": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # such as tensorflow-cpu, which has the module
            continue
    return {**versions, "system": platform.platform()}
