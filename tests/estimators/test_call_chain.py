"""A fit can be followed: few frames lie between `fit` and the gradient step.

``pytest -s`` on this file prints the chain.
"""

import traceback
from pathlib import Path

import pytest

import skfashion
from skfashion._training import optimizer
from skfashion._training.trainer_pool import _idle
from tests.class_split import GTE5

PACKAGE = Path(skfashion.__file__).parent
SHARED = ["fit", "run", "train_phase", "train", "run_epoch", "_train_window", "train_batch"]


def chains_of(clf, X, y, monkeypatch):
    """Return the library's functions that are running when a gradient step is traced."""
    chains = []
    apply = optimizer.DepthOptimizer.apply

    def note_chain(self, gradients):
        frames = [
            frame
            for frame in traceback.extract_stack()
            if Path(frame.filename).is_relative_to(PACKAGE)
        ]
        # What traces the function is in between while it is traced only.
        names = [frame.name for frame in frames]
        chains.append([name for name in names if name not in ("_run_window", "trace")])
        for frame in frames:
            where = Path(frame.filename).relative_to(PACKAGE.parent)
            print(f"{where}:{frame.lineno} {frame.name}")
        return apply(self, gradients)

    monkeypatch.setattr(optimizer.DepthOptimizer, "apply", note_chain)
    _idle.clear()
    clf.fit(X, y)
    return chains


@pytest.mark.parametrize("with_memory", [False, True])
def test_from_fit_to_the_gradient_step(make, fashion, monkeypatch, tmp_path, with_memory):
    memory = tmp_path if with_memory else None
    clf = make(pretrain_classes=GTE5, epochs=1, memory=memory)
    pretraining, fine_tuning = chains_of(clf, *fashion, monkeypatch)
    for step, chain in (("pretrain", pretraining), ("fine_tune", fine_tuning)):
        expected = [*SHARED[:2], step, SHARED[2], *["restore_or_train"] * with_memory, *SHARED[3:]]
        assert chain == expected
