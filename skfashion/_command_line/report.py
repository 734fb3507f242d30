"""The report on an evaluation: one HTML page that needs no other file and no network."""

import os
from collections.abc import Iterable
from datetime import datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from sklearn.base import BaseEstimator

from .._atomic_files import write_file
from .._estimators.find_classifier import fitted_steps
from .._home_folder import expand_home
from .._reporting.evaluation import SCORE_COLUMNS
from .._reporting.facts import (
    describe_input,
    describe_network,
    describe_training,
    find_versions,
    format_value,
    has_backbone,
)
from .._reporting.pictures import as_uri, draw_confusion_matrix, encode_image
from ..inspection._image_panels import format_percent
from ..inspection._mistakes import mistakes_title, select_mistakes, to_visible_images
from .evaluation import FileEvaluation

_MOST_MISTAKES = 12


def write_report(
    path: Path, evaluation: FileEvaluation, model: BaseEstimator, model_name: str, folder: str
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
        confusion=as_uri(confusion),
        width=width,
        mistakes=_format_mistakes(evaluation, folder, _find_decoding(model)),
        model=_format_facts({"file": model_name, **_describe_model(model)}),
        parameters=escape(model.__repr__(N_CHAR_MAX=10_000)),
        data=_format_facts(_describe_data(evaluation, folder)),
        versions=_format_facts(find_versions()),
    )
    # Names of files may contain bytes that are not text.
    write_file(path.resolve(), page.encode(errors="replace"))


# -- Parts -------------------------------------------------------------------------------------


def _format_tiles(evaluation: FileEvaluation) -> str:
    right = f"{evaluation.n_right:,} of {evaluation.n_images:,} images"
    tiles = [
        (evaluation.accuracy, "accuracy", right),
        (evaluation.mean_f1, "F1", "mean of the classes"),
        (evaluation.majority_share, "majority class", "accuracy of always the same answer"),
    ]
    return "".join(
        f"<div><strong>{value:.3f}</strong><span>{name}</span><small>{note}</small></div>"
        for value, name, note in tiles
    )


def _format_scores(evaluation: FileEvaluation) -> str:
    rows = "".join(map(_format_row, evaluation.score_rows()))
    return f"<thead>{_format_row(SCORE_COLUMNS, 'th')}</thead><tbody>{rows}</tbody>"


def _format_row(cells: Iterable[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _find_decoding(model) -> dict[str, Any]:
    """Return how the estimator that takes the files decodes them."""
    for _, step in fitted_steps(model):
        if resize := getattr(step, "_fitted_resize", None):
            return {"pixel_range": step.pixel_range_, "resize": resize}
    return {}


def _format_mistakes(evaluation: FileEvaluation, folder: str, decoding: dict[str, Any]) -> str:
    """Return the most confident mistakes, each with its file and its classes."""
    true, predicted, confidence = evaluation.y_true, evaluation.y_pred, evaluation.confidence
    shown, n_mistakes = select_mistakes(true, predicted, confidence, _MOST_MISTAKES)
    title = mistakes_title(len(shown), n_mistakes, evaluation.n_images, evaluation.n_left_out)
    if not n_mistakes:
        return f"<p>{title}.</p>"
    images = to_visible_images(evaluation.files, shown, None, **decoding)
    figures = "".join(
        _format_mistake(
            encode_image(image),
            os.path.relpath(evaluation.files[row], expand_home(folder)),
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
        f"<dt>{escape(name)}</dt><dd>{escape(format_value(value))}</dd>"
        for name, value in facts.items()
    )


# -- Facts -------------------------------------------------------------------------------------


def _describe_model(model: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"classes": ", ".join(map(str, model.classes_))}
    parts = [(name, part) for name, part in fitted_steps(model) if has_backbone(part)]
    for name, part in parts:
        prefix = f"{name}: " if len(parts) > 1 else ""
        described = describe_input(part) | describe_network(part) | describe_training(part)
        facts |= {f"{prefix}{fact}": value for fact, value in described.items()}
    return facts


def _describe_data(evaluation: FileEvaluation, folder: str) -> dict[str, Any]:
    facts = {
        "folder": folder,
        "images": evaluation.n_images,
        "classes": len(set(evaluation.y_true.tolist())),
    }
    if evaluation.n_left_out:
        facts["images outside the target task"] = evaluation.n_left_out
    return facts
