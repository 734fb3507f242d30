"""Names of labels, as displays and pages show them."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, TypeAlias

ClassNames: TypeAlias = Mapping[Any, str] | Sequence[str]


def name_of_label(label: Any, class_names: ClassNames | None) -> str:
    """Return the name of a label.

    Parameters
    ----------
    label : object
        The label.
    class_names : dict, sequence of str or None
        Names of labels.

    Returns
    -------
    str
        The name, or the label if it has none.

    Raises
    ------
    ValueError
        If `class_names` is a sequence and the label is not an integer.
    """
    if isinstance(class_names, Mapping):
        return str(class_names.get(label, label))
    if class_names is None:
        return str(label)
    if not isinstance(label, Integral):
        raise ValueError(
            "class_names must be a dict of label to name, or a sequence in which integer "
            f"labels are positions. It is a {type(class_names).__name__}, but the label "
            f"{str(label)!r} is not an integer. Pass a dict."
        )
    return str(class_names[int(label)] if 0 <= int(label) < len(class_names) else label)
