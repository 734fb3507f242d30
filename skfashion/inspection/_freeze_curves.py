"""From the candidates of a search to curves over freeze depth."""

from collections.abc import Mapping
from dataclasses import dataclass

from .._backbones.registry import get_backbone
from .._backbones.spec import Backbone
from ..model_selection._candidates import Candidate

_MEASURES = ("mean_test_score", "std_test_score", "mean_fit_time", "n_trainable_params", "iter")
# What tells curves apart, unless the user says.
_USUAL = ("backbone", "pretrain_classes")
_BEYOND_BODY = 0.15
_MOST_LABELS = 6


@dataclass(frozen=True)
class Places:
    """Where freeze points lie on the axis of depth, and their names.

    With one backbone its points stand one beside the other. With several the axis is the share
    of the body's stages that is frozen.

    Parameters
    ----------
    backbones : dict of str to Backbone
        Those of the search, by name.
    """

    backbones: Mapping[str, Backbone]

    @classmethod
    def of_search(cls, search, frame) -> "Places":
        """Find the backbones of the candidates in a frame; they need not be in the table."""
        candidates = (Candidate(search, search.cv_results_["params"][row]) for row in frame.index)
        classifiers = (each.classifier for each in candidates if each.classifier is not None)
        backbones = (get_backbone(classifier.backbone) for classifier in classifiers)
        return cls({backbone.name: backbone for backbone in backbones})

    @property
    def label(self) -> str:
        """What the axis is called."""
        return "frozen up to" if len(self.backbones) == 1 else "frozen share of the body's stages"

    def add_to(self, frame):
        """Return a frame with a column "place", and the names of places, by place."""
        depths, points = (frame.apply(what, axis=1) for what in (self._depth, self._point))
        if len(self.backbones) == 1:
            keys = list(zip(depths, points, strict=True))
            order = sorted(set(keys))
            places = [order.index(key) for key in keys]
        else:
            places = [
                _share(depth, len(self.backbones[name].stages))
                for depth, name in zip(depths, frame["backbone"], strict=True)
            ]
        frame = frame.assign(place=places, freeze_point=points)
        return frame, self._names(frame)

    def _point(self, row):
        if not isinstance(row["freeze_point"], str):
            return "nothing"
        last = self.backbones[row["backbone"]].stages[-1]
        return "features" if row["freeze_point"] == last else row["freeze_point"]

    def _depth(self, row):
        """Return how many stages are frozen; a layer between two of them adds a half."""
        stages = self.backbones[row["backbone"]].stages
        between = isinstance(row["freeze_point"], str) and row["freeze_point"] not in stages
        return row["depth"] + (0.5 if between and row["depth"] < len(stages) else 0)

    def _names(self, frame):
        if len(self.backbones) == 1:
            named = frame.drop_duplicates("place").sort_values("place")
            return dict(zip(named["place"], named["freeze_point"], strict=True))
        head = frame[frame["place"] > 1]
        names = dict(zip(head["place"], head["freeze_point"], strict=True))
        return {0.0: "nothing", 0.25: "25%", 0.5: "50%", 0.75: "75%", 1.0: "body", **names}


def _share(depth, n_stages):
    return min(depth / n_stages, 1) + _BEYOND_BODY * max(depth - n_stages, 0)


def make_curves(frame, by, over):
    """Return a frame for each curve, with a row for each freeze point.

    Parameters
    ----------
    frame : pandas.DataFrame
        Candidates, as `search_frame` returns them, with their "place".
    by : str, list of str or None
        Columns that tell curves apart; `None` for backbone and source task, if they vary.
    over : {"best", "mean"}
        What stands for candidates that differ in something else.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    columns = _columns(frame, by)
    if "iter" not in frame:
        frame = frame.assign(iter=0)
    names = _curve_names(frame, columns)
    return {name: _curve(part, over) for name, part in frame.groupby(names, sort=False)}


def _columns(frame, by):
    if by is None:
        return [name for name in _USUAL if name in frame and frame[name].map(repr).nunique() > 1]
    columns = [by] if isinstance(by, str) else list(by)
    if missing := [name for name in columns if name not in frame]:
        raise ValueError(
            f"by={by!r} must name parameters that vary in the search; {missing} do not. "
            f"search_frame has the columns {list(frame.columns)}."
        )
    return columns


def _curve(frame, over):
    """Reduce the candidates at each freeze point to one."""
    # Scores of other rounds of a halving search, with fewer resources, would not be comparable.
    frame = frame[frame["iter"] == frame.groupby("place")["iter"].transform("max")]
    if over == "mean":
        values = frame.groupby(["place"])[list(_MEASURES)].mean()
        names = frame.groupby("place")["freeze_point"].first()
        return values.assign(freeze_point=names).reset_index()
    best = frame.groupby("place")["mean_test_score"].idxmax()
    return frame.loc[best, ["place", "freeze_point", *_MEASURES]].reset_index(drop=True)


# -- Names -------------------------------------------------------------------------------------


def _curve_names(frame, columns):
    """Return the name of each row's curve: in short, if that tells curves apart."""
    # A single curve is named as well, for what it is of.
    columns = columns or ["backbone"]

    def names(most):
        return [
            ", ".join(_value_name(column, row[column], most) for column in columns)
            for _, row in frame.iterrows()
        ]

    short, whole = names(_MOST_LABELS), names(None)
    return short if len(set(short)) == len(set(whole)) else whole


def _value_name(column, value, most):
    if column == "backbone":
        return str(value)
    if column == "pretrain_classes":
        return f"pretrained on {_labels(value, most)}" if value else "not pretrained"
    return f"{column}={value}"


def _labels(values, most):
    """Return labels in words: whole numbers in a row as a range, and at most so many."""
    if len(values) > 2 and all(isinstance(value, int) for value in values):
        first, last = min(values), max(values)
        if sorted(values) == list(range(first, last + 1)):
            return f"{first}\N{EN DASH}{last}"
    return ", ".join(map(str, values[:most])) + (", …" if values[:most] != values else "")
