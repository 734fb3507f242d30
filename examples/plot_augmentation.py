"""
Augmentation
============

``augmentation`` changes images at random in every epoch, so that a network does not see the same
image twice. This example shows what each change does, and what it gains with few images.
"""

# %%
# The changes are layers of Keras. Names choose them, and a dict sets their amounts.
import matplotlib.pyplot as plt
import numpy as np

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
rng = np.random.default_rng(0)
few = np.concatenate([rng.permutation(np.flatnonzero(y == label))[:50] for label in range(10)])
changes = {
    "none": None,
    "flip": ["flip"],
    "flip, crop": ["flip", "crop"],
    "flip, crop, erase": ["flip", "crop", "erase"],
    "rotation 0.5": {"rotation": 0.5},
}

# %%
# 500 images, 25 epochs each, and the test images after each epoch.
histories = {}
for name, augmentation in changes.items():
    clf = TransferClassifier(
        "small_resnet", augmentation=augmentation, epochs=12, batch_size=32, random_state=0
    )
    histories[name] = clf.fit(X[few], y[few], X_val=X_test, y_val=y_test).history_

# %%
# Mirror images of clothes are clothes; rotations by up to half a turn are not what the test images
# look like. Without augmentation the training loss falls fastest, and the test loss does not follow.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for name, history in histories.items():
    epochs = np.arange(len(history["loss"])) + 1
    axes[0].plot(epochs, history["loss"], label=name)
    axes[1].plot(epochs, history["val_accuracy"], label=name)
axes[0].set(xlabel="epoch", ylabel="training loss")
axes[1].set(xlabel="epoch", ylabel="test accuracy")
axes[1].legend(fontsize="small")
