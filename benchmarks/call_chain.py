"""The functions between `TransferClassifier.fit` and a gradient step, from the stack of real fits.

Run ``python benchmarks/call_chain.py``; it takes seconds. It prints the stack of one fit without
`memory` and of one with it, at the first gradient step of fine-tuning. A step is traced by
TensorFlow before it runs, so this is the stack of the trace. Frames that only hand over to
TensorFlow are marked with a dash and not counted.
"""

import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import skfashion
from skfashion import TransferClassifier
from skfashion._training.optimizer import DepthOptimizer
from skfashion.datasets import load_fashion_sample

PACKAGE = Path(skfashion.__file__).parent
# A cached property that requests the trace, and a call of tf.while_loop.
HAND_OVER = {"_run_window", "_loop_over_batches"}


def call_chain(**params):
    """Fit once; return (file, function) of each frame in skfashion at the last step traced."""
    stacks = []
    take_step = DepthOptimizer.apply

    def record_and_step(optimizer, gradients):
        stacks.append(traceback.extract_stack()[:-1])
        take_step(optimizer, gradients)

    X, y = load_fashion_sample(return_X_y=True)
    with mock.patch.object(DepthOptimizer, "apply", record_and_step):
        clf = TransferClassifier(pretrain_classes=[5, 6, 7, 8, 9], pretrain_epochs=1, epochs=1)
        clf.set_params(random_state=0, **params).fit(X[:100], y[:100])
    return [
        (Path(frame.filename).relative_to(PACKAGE).as_posix(), frame.name)
        for frame in stacks[-1]
        if Path(frame.filename).is_relative_to(PACKAGE)
    ]


def print_chain(title, frames):
    print(f"\n{title}")
    number = 0
    for file, function in frames:
        number += function not in HAND_OVER
        mark = "-" if function in HAND_OVER else number
        print(f"  {mark}  {function:18} {file}")


def main():
    # Widths differ, because a trainer that exists already is not traced again.
    print_chain("without memory", call_chain(hidden_units=31))
    with TemporaryDirectory() as folder:
        print_chain("with memory", call_chain(hidden_units=33, memory=folder))


if __name__ == "__main__":
    main()
