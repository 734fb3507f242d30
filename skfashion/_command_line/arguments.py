"""The arguments of the command line."""

import argparse
from os.path import expanduser
from typing import Any

from .._backbones.registry import list_backbones
from .._version import __version__
from .commands import run_evaluate, run_fit, run_predict

_PHOTOS = "a folder with a subfolder for each class"
_MODEL = "a file that fit or skfashion.save wrote"
_REPORT = "write an HTML page with scores, confusion matrix and worst mistakes"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser. The attribute `run` of its result is the function of the command."""
    parser = argparse.ArgumentParser(
        prog="skfashion", description="Train, apply and evaluate a classifier of images."
    )
    parser.add_argument("--version", action="version", version=f"skfashion {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_fit(commands)
    _add_predict(commands)
    _add_evaluate(commands)
    return parser


def _add_fit(commands: Any) -> None:
    fit = _add_command(commands, "fit", run_fit, "train a classifier on a folder of images")
    _add_path(fit, "photos", metavar="PHOTOS", help=_PHOTOS)
    _add_path(
        fit, "--out", required=True, metavar="MODEL", help="the file to write, such as model.skf"
    )
    fit.add_argument(
        "--backbone",
        default="mobilenet_v2",
        choices=list_backbones(),
        metavar="NAME",
        help="%(choices)s (default: %(default)s)",
    )
    fit.add_argument(
        "--weights",
        default="imagenet",
        type=_none_or_text,
        help='"imagenet", a file of weights, or "none"; small_cnn and small_resnet have no weights '
        "of ImageNet (default: %(default)s)",
    )
    fit.add_argument(
        "--freeze-until",
        default="auto",
        type=_freeze_point,
        metavar="POINT",
        help='the last frozen stage: its name, a number of stages, "features" for the whole '
        'backbone, "none", or "auto": the default of the backbone, without weights nothing '
        "(default: %(default)s)",
    )
    fit.add_argument(
        "--epochs",
        default="auto",
        type=_epochs,
        metavar="N",
        help="passes over the images (default: depends on their number)",
    )
    _add_fit_details(fit)


def _add_fit_details(fit: argparse.ArgumentParser) -> None:
    fit.add_argument(
        "--input-size",
        type=_positive,
        metavar="PIXELS",
        help="side that images are resized to (default: depends on the backbone)",
    )
    fit.add_argument(
        "--test-size",
        default=0.2,
        type=_share,
        metavar="SHARE",
        help="share of the files of each class that are held out to measure the accuracy; 0 for "
        "none (default: %(default)s)",
    )
    fit.add_argument(
        "--random-state",
        default=0,
        type=_seed,
        metavar="N",
        help="seed of all random numbers (default: %(default)s)",
    )
    _add_path(
        fit,
        "--checkpoint",
        metavar="FOLDER",
        help="save each epoch there; the same command resumes after an interruption",
    )
    _add_path(fit, "--report", metavar="PAGE", help=f"{_REPORT} on held-out files")


def _add_predict(commands: Any) -> None:
    predict = _add_command(
        commands, "predict", run_predict, "print the class of images as CSV: file,label,probability"
    )
    _add_path(predict, "model", metavar="MODEL", help=_MODEL)
    _add_path(
        predict, "images", nargs="+", metavar="IMAGE", help="files, and folders, which are searched"
    )


def _add_evaluate(commands: Any) -> None:
    evaluate = _add_command(
        commands, "evaluate", run_evaluate, "measure a classifier on a folder of images"
    )
    _add_path(evaluate, "model", metavar="MODEL", help=_MODEL)
    _add_path(
        evaluate,
        "photos",
        metavar="PHOTOS",
        help=f"{_PHOTOS}; use images that fit did not train on",
    )
    _add_path(evaluate, "--report", metavar="PAGE", help=_REPORT)


def _add_command(commands: Any, name: str, run: Any, purpose: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:])
    parser.set_defaults(run=run)
    return parser


def _add_path(command: argparse.ArgumentParser, name: str, **options: Any) -> None:
    """Add an argument for a path, or for several.

    Shells expand ``~`` at the start of a word, and not in ``--out=~/model.skf``.
    """
    command.add_argument(name, type=expanduser, **options)


# -- Values ------------------------------------------------------------------------------------


def _none_or_text(text: str) -> str | None:
    return None if text.lower() == "none" else text


def _freeze_point(text: str) -> str | int | None:
    return int(text) if text.removeprefix("-").isdecimal() else _none_or_text(text)


def _epochs(text: str) -> str | int:
    return text if text == "auto" else _integer(text, 0)


def _positive(text: str) -> int:
    return _integer(text, 1)


def _seed(text: str) -> int:
    # NumPy and scikit-learn take seeds of 32 bits.
    return _integer(text, 0, 2**32 - 1)


def _integer(text: str, least: int, most: float = float("inf")) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        bound = "" if most == float("inf") else f" and at most {most}"
        raise argparse.ArgumentTypeError(
            f"it must be an integer of at least {least}{bound}, got {text!r}"
        )
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(
            f"it must be a number from 0 to less than 1, such as 0.2, got {text!r}"
        )
    return share
