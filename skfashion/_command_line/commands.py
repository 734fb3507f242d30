"""The commands: train, predict, evaluate."""

import csv
import sys
import warnings
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import gen_batches
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from .._atomic_files import resolve_output
from .._data.image_files import check_image_headers, describe_fault, import_pillow
from .._estimators.transfer_classifier import TransferClassifier
from .._home_folder import expand_home
from .._persistence.save_and_load import load, save
from ..datasets import load_image_folder
from ..datasets._image_folder import find_labelled_images
from .evaluation import FileEvaluation, evaluate_files
from .prediction import expand_path, predict_files
from .report import write_report

# Files whose lines are printed at a time.
_FILES_OF_CHUNK = 1024


def run_fit(options: Namespace) -> int:
    """Train a classifier, save it, and measure it on held-out files."""
    out = resolve_output(options.out, "--out")
    _check_report(options.report, options.out)
    _check_rich()
    if options.report and not options.test_size:
        raise ValueError("--report needs held-out files, but --test-size is 0. Set --test-size.")
    X, y = load_image_folder(options.photos, return_X_y=True)
    check_image_headers(X.tolist())
    train, test = _split_rows(y, options.test_size, options.random_state)
    clf = TransferClassifier(
        options.backbone,
        weights=options.weights,
        freeze_until=options.freeze_until,
        epochs=options.epochs,
        input_size=options.input_size,
        random_state=options.random_state,
        checkpoint=options.checkpoint,
    )
    if _is_interrupted_fit(clf, X[train], y[train]):
        if out.exists():
            raise KeyboardInterrupt(f"{options.out} stays as it was.")
        save(clf, out)
        kept = "linear probe" if clf.kept_probe_ else "weights of the last whole epoch"
        raise KeyboardInterrupt(f"{options.out} has the {kept}.")
    save(clf, out)
    if len(test):
        evaluation = evaluate_files(clf, X[test], y[test])
        print(f"Accuracy on {evaluation.n_images:,} held-out images: {evaluation.accuracy:.3f}")
        if options.report:
            _write_report(options, evaluation, clf, options.out)
    print(f"Model: {options.out}")
    return 0


def run_predict(options: Namespace) -> int:
    """Print a line of CSV for each image file; a file that cannot be read is an error."""
    import_pillow()
    model = _load_classifier(options.model)
    lines = csv.writer(sys.stdout, lineterminator="\n")
    paths = [path for image in options.images for path in expand_path(image)]
    lines.writerow(["file", "label", "probability"])
    n_faults = 0
    for rows in gen_batches(len(paths), _FILES_OF_CHUNK):
        for path, result in predict_files(model, paths[rows]):
            if isinstance(result, Exception):
                n_faults += 1
                fault = " ".join(describe_fault(result).split())
                print(f"skfashion: error: {path}: {fault}", file=sys.stderr)
            else:
                label, probability = result
                lines.writerow([path, label, f"{probability:.6f}"])
    return 1 if n_faults else 0


def run_evaluate(options: Namespace) -> int:
    """Print the scores of a classifier on a folder of images, and write a report on it."""
    _check_report(options.report, options.model)
    model = _load_classifier(options.model)
    X, y = find_labelled_images(options.photos, fewest_classes=1)
    check_image_headers(X.tolist())
    evaluation = evaluate_files(model, X, y)
    if unknown := evaluation.unknown_names:
        warnings.warn(
            f"{options.model} does not predict the classes {', '.join(unknown)}: all images of "
            "these count as mistakes.",
            stacklevel=1,
        )
    print(f"Accuracy on {evaluation.n_images:,} images: {evaluation.accuracy:.3f}")
    if evaluation.n_left_out:
        print(evaluation.describe_left_out())
    print()
    print(evaluation.format_scores())
    if options.report:
        _write_report(options, evaluation, model, options.model)
    return 0


# -- Outputs -----------------------------------------------------------------------------------


def _check_report(path: str | None, model: str) -> None:
    """Check that a report can be written, and does not replace the model."""
    if path is None:
        return
    if resolve_output(path, "--report") == expand_home(model).resolve():
        raise ValueError(f"--report={path} is the file of the model. Name another file.")
    check_matplotlib_support("--report")


def _check_rich() -> None:
    try:
        import rich  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "fit shows its progress with the package rich, which is not installed: run "
            '`pip install "skfashion[cli]"`.',
            name=error.name,
        ) from error


def _write_report(options: Namespace, evaluation: FileEvaluation, model: Any, name: str) -> None:
    path = resolve_output(options.report, "--report")
    write_report(path, evaluation, model, name, options.photos)
    print(f"Report: {options.report}")


# -- Training ----------------------------------------------------------------------------------


def _split_rows(y: np.ndarray, test_size: float, seed: int) -> Sequence[np.ndarray]:
    """Return indices of the files to train on, and of those that are held out."""
    rows = np.arange(len(y))
    if not test_size:
        return rows, rows[:0]
    cause = None
    try:
        parts = train_test_split(rows, test_size=test_size, stratify=y, random_state=seed)
    except ValueError as error:
        cause = error
    else:
        # A stratified split may leave a small class out of one part.
        if all(set(y[part]) == set(y) for part in parts):
            return parts
    (label, fewest), *_ = reversed(Counter(y.tolist()).most_common())
    raise ValueError(
        f"--test-size={test_size} cannot hold out files of each class: there are {len(y)} "
        f"files of {len(set(y))} classes, {fewest} of them of {label!r}. Each class needs a "
        "file to train on and one to hold out. Add files, set another share, or set "
        "--test-size=0."
    ) from cause


def _is_interrupted_fit(clf: TransferClassifier, X: np.ndarray, y: np.ndarray) -> bool:
    """Fit with a bar of progress; return whether Ctrl-C ended it after a whole epoch."""
    from sklearn.callback import ProgressBar

    categories = []
    show_line = warnings.showwarning

    def show(message, category, *where, **file):
        categories.append(category)
        show_line(message, category, *where, **file)

    clf.set_callbacks(ProgressBar())
    with warnings.catch_warnings():
        warnings.simplefilter("always", ConvergenceWarning)
        warnings.showwarning = show
        clf.fit(X, y)
    # Callbacks are not saved.
    clf.set_callbacks()
    return ConvergenceWarning in categories


# -- Models ------------------------------------------------------------------------------------


def _load_classifier(path: str) -> Any:
    model = load(path)
    if not hasattr(model, "predict_proba"):
        raise TypeError(
            f"{path} must hold a classifier with probabilities, got {type(model).__name__}."
        )
    check_is_fitted(model)
    return model
