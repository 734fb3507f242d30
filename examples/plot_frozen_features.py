"""
Frozen features for classical classifiers
=========================================

:class:`~skfashion.BackboneFeatures` turns images into the features of a network's layer, for any
classifier of scikit-learn. Are features learned on other classes better than pixels?
"""

# %%
# The small CNN learns shoes, shirts and bags. Only its body is kept, in a file.
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skfashion import BackboneFeatures, TransferClassifier
from skfashion.datasets import load_fashion_sample

fashion = load_fashion_sample(subset="all")
X, y, names = fashion.data, fashion.target, fashion.target_names
folder = TemporaryDirectory()
weights = Path(folder.name, "body.weights.h5")
is_source = np.flatnonzero(y >= 5)[:2500]
source = TransferClassifier(epochs=6, batch_size=64, random_state=0)
source.fit(X[is_source], y[is_source]).save_backbone_weights(weights)

# %%
# The target task has 20 images of each of five other classes. Every classifier gets them as pixels,
# and as features of the frozen body.
rng = np.random.default_rng(0)
few = np.concatenate(
    [rng.permutation(np.flatnonzero(y[:5000] == label))[:20] for label in range(5)]
)
test = 5000 + np.flatnonzero(y[5000:] < 5)
inputs = {
    "pixels": FunctionTransformer(lambda images: images.reshape(len(images), -1) / 255),
    "frozen features": BackboneFeatures(weights=weights, pooling="flatten"),
}
classifiers = {
    "logistic regression": LogisticRegression(C=0.1, max_iter=1000),
    "support vector machine": SVC(),
    "nearest neighbours": KNeighborsClassifier(3),
    "random forest": RandomForestClassifier(random_state=0),
}
scores = {
    name: [
        make_pipeline(transformer, StandardScaler(), classifier)
        .fit(X[few], y[few])
        .score(X[test], y[test])
        for classifier in classifiers.values()
    ]
    for name, transformer in inputs.items()
}

# %%
# Features that were learned on other classes are no worse than pixels for any classifier. Nearest
# neighbours and the random forest gain most, logistic regression least.
figure, ax = plt.subplots(figsize=(8.5, 3.4), layout="constrained")
at = np.arange(len(classifiers))
for shift, (name, values) in zip((-0.2, 0.2), scores.items(), strict=True):
    ax.bar_label(ax.bar(at + shift, values, 0.4, label=name), fmt="%.2f")
ax.set_xticks(at, classifiers)
ax.set(ylabel="test accuracy", ylim=(0, 1.05))
ax.legend(loc="upper center", ncols=2)

# %%
# The first two principal components of the test images, in both spaces.
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (name, transformer) in zip(axes, inputs.items(), strict=True):
    points = make_pipeline(transformer, StandardScaler(), PCA(2)).fit_transform(X[test])
    for label in range(5):
        of_label = y[test] == label
        ax.scatter(*points[of_label].T, s=8, label=names[label])
    ax.set(title=name, xlabel="first component", ylabel="second component")
axes[1].legend(markerscale=2, fontsize="small")
folder.cleanup()
