"""Trainers that are idle, lent to one fit at a time.

They hold variables and traced functions, which a second fit of the same program uses again.
"""

from collections import OrderedDict
from contextlib import contextmanager
from threading import Lock

from .trainer import Program, Trainer

MOST_IDLE_TRAINERS = 12
MOST_IDLE_BYTES = 2**30

_idle: OrderedDict[Program, list[Trainer]] = OrderedDict()
_idle_lock = Lock()


@contextmanager
def borrow_trainer(program: Program):
    """Lend an idle trainer of this program, or a new one, for the time of a `with` block."""
    with _idle_lock:
        idle = _idle.pop(program, [])
        trainer = idle.pop() if idle else None
        if idle:
            _idle[program] = idle
    trainer = trainer or Trainer(program)
    try:
        yield trainer
    finally:
        trainer.release()
        with _idle_lock:
            _idle.setdefault(program, []).append(trainer)
            _idle.move_to_end(program)
            while _too_many_idle():
                oldest = next(iter(_idle))
                _idle[oldest].pop()
                if not _idle[oldest]:
                    del _idle[oldest]


def _too_many_idle():
    sizes = [trainer.nbytes for trainers in _idle.values() for trainer in trainers]
    return len(sizes) > MOST_IDLE_TRAINERS or (len(sizes) > 1 and sum(sizes) > MOST_IDLE_BYTES)
