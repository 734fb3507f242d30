"""Group the candidates of a search into curves over freeze depth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

_MEASURES = ("mean_test_score", "std_test_score", "mean_fit_time", "n_trainable_params", "iter")
_DEFAULT_COLUMNS = ("backbone", "pretrain_classes")
_MAX_LABELS = 6


def make_curves(
    frame: "pandas.DataFrame", by: str | Sequence[str] | None, over: str
) -> dict[str, "pandas.DataFrame"]:
    """Return one frame per curve, with one row per freeze point.

    Parameters
    ----------
    frame : pandas.DataFrame
        Candidates, as `search_frame` returns them, with their "place".
    by : str, list of str or None
        Columns that distinguish curves; `None` for backbone and source task, if they vary.
    over : {"best", "mean"}
        How candidates of one curve and freeze point are reduced to one row.

    Returns
    -------
    dict of str to pandas.DataFrame
        Curves by name.

    Raises
    ------
    ValueError
        If a column of `by` does not exist.
    """
    columns = _select_columns(frame, by)
    if "iter" not in frame:
        frame = frame.assign(iter=0)
    # pandas reads a list of strings as columns if such columns exist.
    names = np.array(_curve_names(frame, columns), dtype=object)
    return {name: _make_curve(part, over) for name, part in frame.groupby(names, sort=False)}


def _select_columns(frame: "pandas.DataFrame", by: str | Sequence[str] | None) -> list[str]:
    if by is None:
        return [
            name
            for name in _DEFAULT_COLUMNS
            if name in frame and frame[name].map(repr).nunique() > 1
        ]
    columns = [by] if isinstance(by, str) else list(by)
    if missing := [name for name in columns if name not in frame]:
        raise ValueError(
            f"by={by!r} must name parameters that vary in the search; {missing} do not. "
            f"search_frame has the columns {list(frame.columns)}."
        )
    return columns


def _make_curve(frame: "pandas.DataFrame", over: str) -> "pandas.DataFrame":
    """Reduce the candidates at each freeze point to one row."""
    # Earlier rounds of a halving search have fewer resources: their scores are not comparable.
    frame = frame[frame["iter"] == frame.groupby("place")["iter"].transform("max")]
    if over == "mean":
        values = frame.groupby(["place"])[list(_MEASURES)].mean()
        names = frame.groupby("place")["freeze_point"].first()
        return values.assign(freeze_point=names).reset_index()
    best = frame.groupby("place")["mean_test_score"].idxmax()
    return frame.loc[best, ["place", "freeze_point", *_MEASURES]].reset_index(drop=True)


# -- Names of curves ---------------------------------------------------------------------------


def _curve_names(frame: "pandas.DataFrame", columns: list[str]) -> list[str]:
    """Return the name of each row's curve, shortened if the short names stay distinct."""
    # A single curve is named after its backbone.
    columns = columns or ["backbone"]

    def names(max_labels: int | None) -> list[str]:
        return [
            ", ".join(_describe_value(column, row[column], max_labels) for column in columns)
            for _, row in frame.iterrows()
        ]

    short, full = names(_MAX_LABELS), names(None)
    return short if len(set(short)) == len(set(full)) else full


def _describe_value(column: str, value: Any, max_labels: int | None) -> str:
    if column == "backbone":
        return str(value)
    if column == "pretrain_classes":
        return f"pretrained on {_join_labels(value, max_labels)}" if value else "not pretrained"
    return f"{column}={value}"


def _join_labels(values: Sequence[Any], max_labels: int | None) -> str:
    """Join labels: consecutive integers as a range, others up to a maximum number."""
    if len(values) > 2 and all(isinstance(value, int) for value in values):
        first, last = min(values), max(values)
        if sorted(values) == list(range(first, last + 1)):
            return f"{first}\N{EN DASH}{last}"
    shown = values[:max_labels]
    return ", ".join(map(str, shown)) + (", …" if shown != values else "")
