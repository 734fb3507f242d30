"""Checkpoints of a phase, of `memory` and of `checkpoint`: a phase is restored, or resumed.

`memory` has a checkpoint for each length of a phase, if epochs do not depend on the length; fits
of other lengths use it. `checkpoint` has one for each phase, of any kind; the same fit uses it when
it is run again.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from .._cache.hashing import digest
from .._cache.leases import PHASE
from .._cache.store import CHECKPOINT, Store
from .._messages import warn_user
from .epoch_data import EncodedData
from .hooks import EpochHooks
from .phase import Phase, PhaseResult
from .phase_arrays import phase_key, to_arrays, to_result

# A checkpoint that few other fits can use is saved only if training took ten times as long as
# writing it. The assumed speed is 500 million bytes a second.
SECONDS_PER_BYTE = 10 / 500e6


class _Checkpoints:
    """The checkpoints of one phase, from one start, on the same rows.

    Parameters
    ----------
    store : Store
        Where they are saved.
    phase : Phase
        The phase.
    start : PhaseResult
        Where it starts.
    key : str
        Its `phase_key`.
    """

    def __init__(self, store: Store, phase: Phase, start: PhaseResult, key: str):
        self._store, self._phase, self._start, self._key = store, phase, start, key

    def _load(self, key) -> PhaseResult | None:
        arrays = self._store.load(key)
        return to_result(arrays, self._phase, self._start.weights) if arrays else None


class LengthCheckpoints(_Checkpoints):
    """The checkpoints of a phase after different numbers of epochs.

    A resumable phase has a checkpoint after each number of epochs that a fit ended with. Random
    streams are numbered by epoch, and the optimizer's state is saved with the weights.
    """

    def find(self, known: PhaseResult) -> PhaseResult:
        """Return the longest checkpoint that the phase can use, if it is longer than a known one.

        Parameters
        ----------
        known : PhaseResult
            The start, or a checkpoint. It is returned if there is no longer checkpoint.
        """
        n_epochs = len(self._phase.epochs)
        longest_first = range(n_epochs, known.n_epochs, -1)
        for epochs in longest_first if self._phase.is_resumable else longest_first[:1]:
            result = self._load(self._key_after(epochs))
            # One that `checkpoint` had after the last epoch has no state to continue with.
            if result and (epochs == n_epochs or result.optimizer_state):
                return result
        return known

    @contextmanager
    def leased(self, known: PhaseResult) -> Iterator[PhaseResult]:
        """Hold the lease of the phase while its remaining epochs are trained, if there are any.

        Phases of different lengths with the same freeze points, in order, have one lease if they
        can resume from each other. So the longer one resumes from the shorter one, which it waits
        for. Phases with other freeze points do not wait for each other. A longer one still resumes
        from a shorter one that has ended.

        Parameters
        ----------
        known : PhaseResult
            The start, or a checkpoint.

        Yields
        ------
        PhaseResult
            The longest checkpoint. It may come from a process that was waited for.
        """
        n_epochs = len(self._phase.epochs)
        if known.n_epochs == n_epochs:
            yield known
            return
        with self._store.lease(PHASE, self._key_of_lease):
            yield self.find(known)

    def share_end(self, result: PhaseResult, always: bool) -> None:
        """Save the result of the whole phase, unless there is one, as `save` does."""
        if not self._store.has(self._key_after(len(self._phase.epochs))):
            self.save(result, always)

    @property
    def _key_of_lease(self):
        if not self._phase.is_resumable:
            return self._key_after(len(self._phase.epochs))
        return digest(
            self._key, [*dict.fromkeys(map(self._phase.freeze_point, self._phase.epochs))]
        )

    def save(self, result: PhaseResult, always: bool) -> None:
        """Save the result of the whole phase; if not `always`, only where that is quick."""
        key = self._key_after(len(self._phase.epochs))
        arrays = to_arrays(replace(result, early_stopping=None), self._start.weights)
        least_seconds = SECONDS_PER_BYTE * sum(array.nbytes for array in arrays.values())
        if always or sum(result.history["seconds"]) > least_seconds:
            self._store.save(key, arrays)

    def _key_after(self, n_epochs):
        return digest(self._key, [*map(self._phase.freeze_point, self._phase.epochs[:n_epochs])])


class EpochCheckpoint(_Checkpoints):
    """The checkpoint of a phase after the last epoch until now: a file that is replaced."""

    def __init__(self, store: Store, phase: Phase, start: PhaseResult, key: str):
        schedule = phase.config.freeze_points, phase.epochs, phase.epochs_before
        super().__init__(store, phase, start, CHECKPOINT + digest(key, *schedule))
        self._fails = False

    def find(self) -> PhaseResult:
        """Return where the phase stood; without a checkpoint, the start."""
        return self._load(self._key) or self._start

    def save(self, result: PhaseResult) -> None:
        """Replace the checkpoint; warn if this fails for the first time."""
        arrays = to_arrays(result, self._start.weights)
        is_saved = self._store.save(self._key, arrays)
        if not (is_saved or self._fails):
            n_bytes = sum(array.nbytes for array in arrays.values())
            warn_user(
                f"checkpoint={self._store.location!r} has to be a folder with room for "
                f"{n_bytes / 1e6:.1f} MB, but epoch {result.n_epochs} of {self._phase.name} could "
                "not be saved there. The fit continues. If it is interrupted, it resumes from the "
                "last epoch that was saved. Free disk space, or give another folder."
            )
        self._fails = not is_saved

    def save_end(self, result: PhaseResult) -> None:
        """Replace the checkpoint by the result; remove it if a hook ended the phase.

        The epoch at which a hook ends a phase may depend on the epochs that it has seen. The phase
        must run from its start to end there again.
        """
        if result.interrupted:
            self._store.remove(self._key)
        else:
            self.save(replace(result, optimizer_state=None, early_stopping=None))


def restore_or_train(
    phase: Phase,
    start: PhaseResult,
    train: EncodedData,
    validation: EncodedData | None,
    hooks: EpochHooks,
    *,
    memory: Store | None,
    checkpoint: Store | None,
    is_pretraining: bool,
) -> PhaseResult:
    """Train a phase, resuming from the longest checkpoint.

    The result is saved, unless a hook or the user ended the phase. The checkpoint of a phase that
    the user ended stays, so that the same fit resumes from it. A phase that another process trains
    is waited for, where checkpoints are shared.

    Parameters
    ----------
    phase, start, train, validation, hooks
        As for `Phase.train`.
    memory : Store or None
        Where checkpoints are shared with other fits.
    checkpoint : Store or None
        Where the phase is saved after each epoch.
    is_pretraining : bool
        Whether many other fits can use the result, so that sharing it always pays.
    """
    place = phase, start, phase_key(phase, start.weights, train, validation)
    shared = LengthCheckpoints(memory, *place) if memory else None
    resumed = EpochCheckpoint(checkpoint, *place) if checkpoint else None
    found = resumed.find() if resumed else start
    with shared.leased(shared.find(found)) if shared else nullcontext(found) as restored:
        is_complete, is_shared = restored.n_epochs == len(phase.epochs), restored is not found
        if memory:
            _log_usage(memory, restored if is_shared else None, is_complete, is_pretraining)
        if is_complete:
            # The other folder gets it as well.
            if shared and not is_shared and found is not start:
                shared.share_end(restored, always=is_pretraining)
            if resumed and is_shared:
                resumed.save_end(restored)
            return replace(restored, optimizer_state=None)
        phase = replace(phase, keep_optimizer_state=bool(memory) and phase.is_resumable)
        result = phase.train(restored, train, validation, hooks, resumed.save if resumed else None)
        if shared and not result.interrupted:
            shared.save(result, always=is_pretraining)
    if resumed and not result.by_user:
        resumed.save_end(result)
    return replace(result, optimizer_state=None)


def _log_usage(store: Store, shared: PhaseResult | None, is_complete, is_pretraining):
    """Log in the store which epochs it had, and whether the phase is trained.

    A result of `checkpoint` is not `shared`.
    """
    seconds = shared.history.get("seconds", []) if shared else []
    numbers = {"epochs_found": len(seconds), "seconds_saved": sum(seconds)} if seconds else {}
    if is_pretraining and not is_complete:
        numbers["pretrainings_computed"] = 1
    elif is_pretraining and shared:
        numbers["pretrainings_found"] = 1
    if numbers:
        store.log_usage(**numbers)
