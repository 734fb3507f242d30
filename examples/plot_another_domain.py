"""
Another domain: from clothes to digits
======================================

Features learned on one kind of images can serve another. A network that was pretrained on clothes
classifies handwritten digits, with ten images of each.
"""

# %%
# The network learns ten kinds of clothes. ``save_backbone_weights`` writes its body to a file.
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import ImageGridDisplay

clothes, kinds = load_fashion_sample(return_X_y=True)
folder = TemporaryDirectory()
weights = Path(folder.name, "body.weights.h5")
source = TransferClassifier(epochs=4, batch_size=64, random_state=0)
source.fit(clothes, kinds).save_backbone_weights(weights)

# %%
# scikit-learn's digits have 8 x 8 pixels from 0 to 16. ``pixel_range`` says so, and ``input_size``
# enlarges them to the size of the clothes. Ten images of each digit are for training, in three
# draws.
digits = load_digits()
X, y = digits.images, digits.target
starts = {
    "from scratch": {"weights": None, "freeze_until": None},
    "clothes, nothing frozen": {"weights": weights, "freeze_until": None},
    "clothes, frozen to conv1": {"weights": weights, "freeze_until": "conv1"},
    "clothes, body frozen": {"weights": weights, "freeze_until": "features"},
}
scores = {name: [] for name in (*starts, "logistic regression on pixels")}
for seed in range(3):
    order = np.random.default_rng(seed).permutation(len(X))
    few = np.concatenate([order[y[order] == label][:10] for label in range(10)])
    test = np.setdiff1d(order, few)
    for name, start in starts.items():
        clf = TransferClassifier(
            pixel_range=(0, 16), input_size=28, epochs=20, batch_size=32, random_state=seed, **start
        )
        scores[name].append(clf.fit(X[few], y[few]).score(X[test], y[test]))
    pixels = LogisticRegression(max_iter=1000).fit(X[few].reshape(100, -1) / 16, y[few])
    flat = X[test].reshape(len(test), -1) / 16
    scores["logistic regression on pixels"].append(pixels.score(flat, y[test]))
folder.cleanup()

# %%
# On average, weights from clothes are one to two points better than random ones. Logistic
# regression on the pixels is as good as a network whose body is frozen.
figure, ax = plt.subplots(figsize=(8, 2.6), layout="constrained")
for row, (name, values) in enumerate(scores.items()):
    color = "C0" if name.startswith("clothes") else "C7"
    ax.plot(values, [row] * 3, "|", color=color, markersize=12)
    ax.plot(np.mean(values), row, "o", color=color)
ax.set_yticks(
    range(len(scores)), [f"{name}: {np.mean(values):.3f}" for name, values in scores.items()]
)
ax.set(xlabel="test accuracy, 10 images of each digit: three draws, and their mean")
ax.set_ylim(4.6, -0.6)
ax.grid(axis="x", alpha=0.3)

# %%
# The most confident mistakes of the last network, whose body has seen nothing but clothes.
display = ImageGridDisplay.from_estimator(clf, X[test], y[test], n_images=10)
