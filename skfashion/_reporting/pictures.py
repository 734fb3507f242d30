"""Pictures of a report: files in memory, and URIs that contain them."""

import warnings
from base64 import b64encode
from io import BytesIO

import numpy as np

from .._data.image_files import import_pillow
from .evaluation import Evaluation

# Beyond it numbers in the cells of a confusion matrix cannot be read.
_MOST_CLASSES_WITH_NUMBERS = 25
_MOST_CHARACTERS = 24
# Inches of a class, with numbers in the cells and without.
_CELL, _SMALL_CELL = 0.36, 0.2
# Inches of the axis titles with the space around them, and of a character of names and numbers.
_TITLES, _CHARACTER = 0.7, 0.085
_MOST_INCHES = 40.0
_DOTS_PER_INCH = 160
_PIXELS_PER_INCH = 120


def draw_confusion_matrix(evaluation: Evaluation) -> tuple[bytes, int]:
    """Return a picture as the bytes of a PNG file, and its displayed width in pixels."""
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    names = [_shorten(name) for name in evaluation.names]
    has_numbers = len(names) <= _MOST_CLASSES_WITH_NUMBERS
    cell = _SMALL_CELL
    if has_numbers:
        cell = max(_CELL, _CHARACTER * (len(str(evaluation.confusion.max())) + 1))
    margin = _TITLES + _CHARACTER * max(map(len, names))
    side = min(margin + cell * len(names), _MOST_INCHES)
    figure = Figure(figsize=(side, side), layout="constrained")
    panel = figure.add_subplot()
    ConfusionMatrixDisplay(evaluation.confusion, display_labels=names).plot(
        ax=panel, cmap="Blues", colorbar=False, include_values=has_numbers, xticks_rotation=45
    )
    for name in [*panel.get_xticklabels(), *panel.get_yticklabels()]:
        name.set(parse_math=False, size=10 if has_numbers else 8)
    for name in panel.get_xticklabels():
        name.set(ha="right", rotation_mode="anchor")
    file = BytesIO()
    with warnings.catch_warnings():
        # Fonts lack characters of many scripts. The table also has the names.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format="png", dpi=_DOTS_PER_INCH)
    return file.getvalue(), round(side * _PIXELS_PER_INCH)


def encode_image(pixels: np.ndarray) -> str:
    """Return the picture of an array of shape (h, w) or (h, w, 3), from 0 to 255."""
    file = BytesIO()
    image = import_pillow().fromarray(np.rint(pixels).astype(np.uint8))
    image.save(file, format="jpeg", quality=90)
    return as_uri(file.getvalue(), "jpeg")


def as_uri(data: bytes, kind: str = "png") -> str:
    """Return the URI that contains a picture, given the bytes of its file."""
    return f"data:image/{kind};base64,{b64encode(data).decode()}"


def _shorten(name: str) -> str:
    name = name.encode(errors="replace").decode()
    return name if len(name) <= _MOST_CHARACTERS else name[: _MOST_CHARACTERS - 1] + "…"
