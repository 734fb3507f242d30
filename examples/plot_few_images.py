"""
Few images of each class
========================

With few labels, frozen layers that learned other classes can be better than training all layers.
Learning curves compare both, with the same network.
"""

# %%
# The small CNN learns classes 5 to 9, once. ``save_backbone_weights`` writes its body to a file.
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
of_target = y_test < 5
folder = TemporaryDirectory()
weights = Path(folder.name, "body.weights.h5")
source = TransferClassifier(epochs=6, batch_size=64, random_state=0)
source.fit(X[y >= 5], y[y >= 5]).save_backbone_weights(weights)

# %%
# The other five classes are the task, with 5, 20 and 80 images of each, in three draws.
sizes = [5, 20, 80]
starts = {
    "transfer, body frozen": {"weights": weights, "freeze_until": "features"},
    "from scratch": {"weights": None, "freeze_until": None},
}
scores = {name: np.empty((len(sizes), 3)) for name in starts}
for row, size in enumerate(sizes):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        few = np.concatenate(
            [rng.permutation(np.flatnonzero(y == label))[:size] for label in range(5)]
        )
        for name, start in starts.items():
            clf = TransferClassifier(epochs=20, batch_size=16, random_state=seed, **start)
            clf.fit(X[few], y[few])
            scores[name][row, seed] = clf.score(X_test[of_target], y_test[of_target])
folder.cleanup()
for name, values in scores.items():
    print(f"{name}: {values.mean(axis=1).round(3)}")

# %%
# With 5 images of each class, the frozen body is better. With 80, training from scratch is better.
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for (name, values), style in zip(scores.items(), ("o-", "s--"), strict=True):
    ax.plot(sizes, values.mean(axis=1), style, label=name)
    ax.fill_between(sizes, values.min(axis=1), values.max(axis=1), alpha=0.2)
ax.set_xscale("log")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.set(xlabel="images of each class", ylabel="test accuracy: mean and range of 3 draws")
ax.legend()
