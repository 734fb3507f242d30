"""The axis of freeze depth: positions of freeze points, and the names of its ticks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._backbones.spec import Backbone
from ..model_selection._candidates import Candidate, known_backbone

if TYPE_CHECKING:
    import pandas

# Distance between layers of the head on an axis that ends at 1 for the whole body.
_HEAD_STEP = 0.15


@dataclass(frozen=True)
class DepthAxis:
    """Positions of freeze points on an axis of depth.

    The freeze points of one backbone are evenly spaced. With several backbones the axis is the
    frozen share of the body's stages.

    Parameters
    ----------
    backbones : dict of str to Backbone
        The backbones of the search, by name, up to the last stage that a candidate has.
    """

    backbones: Mapping[str, Backbone]

    @classmethod
    def of_search(cls, search: Any, frame: "pandas.DataFrame") -> "DepthAxis":
        """Collect the backbones of the candidates in a frame; they need not be registered."""
        candidates = (Candidate(search, search.cv_results_["params"][row]) for row in frame.index)
        classifiers = (each.classifier for each in candidates if each.classifier is not None)
        backbones = sorted(map(known_backbone, classifiers), key=lambda each: len(each.stages))
        return cls({backbone.name: backbone for backbone in backbones})

    @property
    def label(self) -> str:
        """Label of the axis."""
        return "frozen up to" if len(self.backbones) == 1 else "frozen share of the body's stages"

    def place_candidates(
        self, frame: "pandas.DataFrame"
    ) -> tuple["pandas.DataFrame", dict[float, str]]:
        """Add the column "place", and name the freeze points for reading.

        Parameters
        ----------
        frame : pandas.DataFrame
            Candidates, as `describe_search` returns them.

        Returns
        -------
        frame : pandas.DataFrame
            The candidates with "place" instead of "position", and the readable "freeze_point".
        place_names : dict of float to str
            Names of the ticks, by position.
        """
        depths, points = (frame.apply(each, axis=1) for each in (self._depth, self._point_name))
        if len(self.backbones) == 1:
            keys = list(zip(depths, points, strict=True))
            positions: dict[tuple[float, str], float] = {}
            # Candidates with other heads have the same point at other positions.
            for key, position in zip(keys, frame["position"], strict=True):
                positions[key] = min(position, positions.get(key, position))
            order = sorted(positions, key=lambda key: (key[0], positions[key]))
            places: list[float] = [order.index(key) for key in keys]
        else:
            places = [
                _frozen_share(depth, len(self.backbones[name].stages))
                for depth, name in zip(depths, frame["backbone"], strict=True)
            ]
        frame = frame.drop(columns="position").assign(place=places, freeze_point=points)
        return frame, self._place_names(frame)

    def _point_name(self, row: "pandas.Series") -> str:
        point, last = self._frozen_layer(row), self.backbones[row["backbone"]].stages[-1]
        return "features" if point == last else point or "nothing"

    def _depth(self, row: "pandas.Series") -> float:
        """Return the number of frozen stages, plus a half for a layer between two stages."""
        stages = self.backbones[row["backbone"]].stages
        between = row["depth"] < len(stages) and self._frozen_layer(row) not in (None, *stages)
        return row["depth"] + (0.5 if between else 0)

    def _frozen_layer(self, row: "pandas.Series") -> str | None:
        """Return the freeze point; "features" of a body that ends early is its last stage."""
        stages, point = self.backbones[row["backbone"]].stages, row["freeze_point"]
        if not isinstance(point, str):
            return None
        # Depths are floats if those of other candidates are unknown.
        n_frozen = int(row["depth"])
        return stages[n_frozen - 1] if point == "features" and n_frozen < len(stages) else point

    def _place_names(self, frame: "pandas.DataFrame") -> dict[float, str]:
        if len(self.backbones) == 1:
            named = frame.drop_duplicates("place").sort_values("place")
            return dict(zip(named["place"], named["freeze_point"], strict=True))
        head = frame[frame["place"] > 1]
        names = dict(zip(head["place"], head["freeze_point"], strict=True))
        return {0.0: "nothing", 0.25: "25%", 0.5: "50%", 0.75: "75%", 1.0: "body", **names}


def _frozen_share(depth: float, n_stages: int) -> float:
    return min(depth / n_stages, 1) + _HEAD_STEP * max(depth - n_stages, 0)
