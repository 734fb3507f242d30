"""Idle trainers, each lent to one fit at a time.

A trainer holds variables and traced functions. A second fit with the same specification uses them
again instead of building and tracing others.
"""

from collections import OrderedDict
from contextlib import contextmanager
from threading import Lock

from .trainer import Trainer
from .trainer_spec import TrainerSpec

MAX_IDLE_TRAINERS = 12
MAX_IDLE_BYTES = 2**30

_idle: OrderedDict[TrainerSpec, list[Trainer]] = OrderedDict()
_idle_lock = Lock()


@contextmanager
def borrow_trainer(spec: TrainerSpec):
    """Lend an idle trainer of this specification, or a new one, to a `with` block."""
    with _idle_lock:
        idle = _idle.pop(spec, [])
        trainer = idle.pop() if idle else None
        if idle:
            _idle[spec] = idle
    trainer = trainer or Trainer(spec)
    try:
        yield trainer
    finally:
        trainer.release()
        with _idle_lock:
            _idle.setdefault(spec, []).append(trainer)
            _idle.move_to_end(spec)
            while _is_over_limit():
                _drop_least_recently_used()


def _is_over_limit():
    sizes = [trainer.nbytes for trainers in _idle.values() for trainer in trainers]
    return len(sizes) > MAX_IDLE_TRAINERS or (len(sizes) > 1 and sum(sizes) > MAX_IDLE_BYTES)


def _drop_least_recently_used():
    spec = next(iter(_idle))
    _idle[spec].pop()
    if not _idle[spec]:
        del _idle[spec]
