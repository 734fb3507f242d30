"""
Another domain: from clothes to digits
======================================

Features learned on one kind of images can serve another. A network that was pretrained on clothes
classifies handwritten digits, with ten images of each.
"""

# %%
# scikit-learn's digits are 8 x 8 pixels from 0 to 16. ``pixel_range`` says so, and ``input_size``
# enlarges them to the size of the clothes.
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
TransferClassifier("small_resnet", epochs=5, random_state=0).fit(
    clothes, kinds
).save_backbone_weights(weights)

digits = load_digits()
X, y = digits.images, digits.target
rng = np.random.default_rng(0)
order = rng.permutation(len(X))
few = np.concatenate([order[y[order] == label][:10] for label in range(10)])
test = np.setdiff1d(order, few)

# %%
# The same network from clothes, frozen up to each of its blocks, and from scratch.
params = {"pixel_range": (0, 16), "input_size": 28, "epochs": 20, "batch_size": 32}
scores = {}
for name, file, freeze_until in (
    ("from scratch", None, None),
    ("nothing frozen", weights, None),
    ("frozen to block1", weights, "block1"),
    ("frozen to block2", weights, "block2"),
    ("body frozen", weights, "features"),
):
    clf = TransferClassifier(
        "small_resnet", weights=file, freeze_until=freeze_until, random_state=0, **params
    ).fit(X[few], y[few])
    scores[name] = clf.score(X[test], y[test])
folder.cleanup()
pixels = LogisticRegression(max_iter=1000).fit(X[few].reshape(100, -1) / 16, y[few])
scores["logistic regression on pixels"] = pixels.score(X[test].reshape(len(test), -1) / 16, y[test])

# %%
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.bar_label(ax.barh([*scores], [*scores.values()]), fmt=" %.3f")
ax.invert_yaxis()
ax.set(xlabel="test accuracy, 10 images of each digit", xlim=(0, 1.1))

# %%
# The most confident mistakes of the last network.
display = ImageGridDisplay.from_estimator(clf, X[test], y[test])
