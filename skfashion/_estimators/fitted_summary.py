"""The notebook representation of a fitted classifier: a summary above the table of attributes."""

from collections.abc import Mapping
from html import escape
from math import isnan
from typing import Any

import numpy as np
from sklearn.utils._repr_html.fitted_attributes import AttrsDict

_MOST_LABELS = 12

_TABLE = """
    <div class="estimator-table">
        <details open>
            <summary>Fit at a glance</summary>
            <table class="parameters-table">
                <tbody>{rows}</tbody>
            </table>
        </details>
    </div>
"""
_ROW = '<tr class="default"><td class="param">{}</td><td>{}</td></tr>'


class SummarizedAttributes(AttrsDict):
    """Fitted attributes whose HTML begins with a summary.

    Parameters
    ----------
    attributes : AttrsDict
        The attributes, as scikit-learn collects them.
    summary : dict of str to str
        Lines of the summary, by their titles.
    """

    def __init__(self, attributes: AttrsDict, summary: Mapping[str, str]) -> None:
        super().__init__(
            fitted_attrs=attributes.data,
            estimator_class=attributes.estimator_class,
            doc_link=attributes.doc_link,
        )
        self.summary = summary

    def _html_repr(self) -> str:
        rows = "".join(
            _ROW.format(escape(name), escape(text)) for name, text in self.summary.items()
        )
        return _TABLE.format(rows=rows) + super()._html_repr()


def summarize_fit(classifier: Any) -> dict[str, str]:
    """Return the tasks, the freeze point, numbers of parameters and last scores of a fit.

    Parameters
    ----------
    classifier : TransferClassifier
        A fitted classifier.

    Returns
    -------
    dict of str to str
        Lines for reading, by their titles.
    """
    source, target = classifier.source_classes_, classifier.classes_
    frozen, trainable = classifier.n_frozen_params_, classifier.n_trainable_params_
    lines = {
        "source task": _join_labels(source) if len(source) else "no pretraining",
        "target task": _join_labels(target),
        "frozen up to": classifier.freeze_point_ or "nothing frozen",
        "parameters": f"{frozen:,} frozen, {trainable:,} trainable",
    }
    phases = {"pretraining": classifier.pretrain_history_, "fine-tuning": classifier.history_}
    return lines | {name: _describe_phase(history) for name, history in phases.items() if history}


def _join_labels(labels: np.ndarray) -> str:
    shown = ", ".join(map(str, labels[:_MOST_LABELS]))
    return shown if len(labels) <= _MOST_LABELS else f"{shown}, … ({len(labels)} classes)"


def _describe_phase(history: Mapping[str, list]) -> str:
    """Return the number of epochs of a phase, and the accuracies of the last one."""
    n_epochs = len(history["loss"])
    measures = {"accuracy": "training", "val_accuracy": "validation"}
    scores = [
        f"{kind} accuracy {history[name][-1]:.3f}"
        for name, kind in measures.items()
        if history.get(name) and not isnan(history[name][-1])
    ]
    return ", ".join([f"{n_epochs} epoch{'' if n_epochs == 1 else 's'}", *scores])
