"""The place in a schedule at which a fit ended, for further fits."""

from dataclasses import dataclass

from .._persistence.saved_classes import saved


@saved
@dataclass(frozen=True)
class SchedulePosition:
    """Numbers of epochs on the target task, with those that early stopping left out.

    Parameters
    ----------
    earlier : int, default=0
        Epochs of earlier schedules. Random streams are numbered on from there.
    current : int, default=0
        Epochs of the schedule that `partial_fit` continues: its calls since the last whole fit.
    """

    earlier: int = 0
    current: int = 0

    @property
    def total(self) -> int:
        """Epochs of all schedules."""
        return self.earlier + self.current

    def next_epochs(self, n_epochs: int, is_partial: bool) -> tuple[range, int]:
        """Return the epochs of the next fit in its schedule, and the epochs of earlier schedules.

        Parameters
        ----------
        n_epochs : int
            Epochs of the next fit.
        is_partial : bool
            Whether it is a call of `partial_fit`. Otherwise a new schedule begins.
        """
        if is_partial:
            return range(self.current, self.current + n_epochs), self.earlier
        return range(n_epochs), self.total

    def after(self, n_epochs: int, is_partial: bool) -> "SchedulePosition":
        """Return the position after a fit; parameters as for `next_epochs`."""
        if is_partial:
            return SchedulePosition(self.earlier, self.current + n_epochs)
        return SchedulePosition(self.total + n_epochs)
