"""
Few images of each class
========================

Pretraining matters most where labels are few. Learning curves with 5 to 200 images of each class
show where: with a network that learned other classes first, and from scratch.
"""

# %%
# A small ResNet learns classes 5 to 9, once, and its body goes into a file.
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
source = TransferClassifier("small_resnet", epochs=6, random_state=0)
source.fit(X[y >= 5], y[y >= 5]).save_backbone_weights(weights)

# %%
# The other five classes are the task. With a file of weights, the classifier starts from a linear
# probe of the frozen body. Two draws of images for each size.
sizes = [5, 20, 80]
scores = {"transfer": [], "from scratch": []}
for size in sizes:
    accuracies = {name: [] for name in scores}
    for seed in range(2):
        rng = np.random.default_rng(seed)
        rows = np.concatenate(
            [rng.permutation(np.flatnonzero(y == label))[:size] for label in range(5)]
        )
        for name, file in (("transfer", weights), ("from scratch", None)):
            clf = TransferClassifier(
                "small_resnet",
                weights=file,
                head_init="probe" if file else "random",
                freeze_until="block1" if file else None,
                epochs=20,
                batch_size=32,
                random_state=seed,
            )
            clf.fit(X[rows], y[rows])
            accuracies[name].append(clf.score(X_test[of_target], y_test[of_target]))
    for name in scores:
        scores[name].append(accuracies[name])
folder.cleanup()

# %%
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for (name, values), style in zip(scores.items(), ("o-", "s--"), strict=True):
    mean = np.mean(values, axis=1)
    ax.plot(sizes, mean, style, label=name)
    ax.fill_between(sizes, np.min(values, axis=1), np.max(values, axis=1), alpha=0.2)
ax.set_xscale("log")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.set(xlabel="images of each class", ylabel="test accuracy")
ax.legend()
