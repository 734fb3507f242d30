"""Gradual unfreezing: which freeze point each epoch has."""


def unfreeze_schedule(
    points_after: list[str | None],
    freeze_point: str | None,
    n_epochs: int,
    head_epochs: int,
    epochs_per_stage: int,
) -> tuple[str | None, ...]:
    """Return the freeze point of each epoch; that of one epoch if there are none.

    The first `head_epochs` train the head alone. Then the body is unfrozen down to the freeze
    point: at once, or by a stage every `epochs_per_stage`.

    Parameters
    ----------
    points_after : list of (str or None)
        The freeze points after the last one: the whole body first, then stage by stage.
    freeze_point : str or None
        The last one.
    n_epochs : int
        Epochs in all.
    head_epochs, epochs_per_stage : int
        Epochs at the first point, and at each further one; 0 unfreezes all at once.
    """
    head_only, *stages = points_after or [freeze_point]
    points = [head_only] * head_epochs
    if epochs_per_stage:
        points += [stage for stage in stages for _ in range(epochs_per_stage)]
    return tuple([*points, *[freeze_point] * n_epochs][:n_epochs]) or (freeze_point,)


def epochs_until_unfrozen(points_after, head_epochs: int, epochs_per_stage: int) -> int:
    """Return the fewest epochs that reach the last freeze point; parameters as above."""
    return head_epochs + epochs_per_stage * len(points_after[1:]) + 1


def reached_point(schedule: tuple[str | None, ...], n_epochs: int) -> str | None:
    """Return the freeze point of the last of the trained epochs; without any, the last point.

    An interrupted fit, and a call of `partial_fit`, may end before the schedule.
    """
    return schedule[min(n_epochs, len(schedule)) - 1]
