"""
Class split in both directions
==============================

The class-split protocol pretrains a network on some classes, freezes its early layers and
fine-tunes the others on the remaining classes. This example does so in both directions, and trains
the same network from scratch beside it.
"""

# %%
# A class split is one parameter. Images of the source classes train the whole network. Then both
# convolutions are frozen, and the images of the other classes train the rest. The test images are
# evaluated after each epoch; nothing is trained on them.
import matplotlib.pyplot as plt
import numpy as np

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
low, high = [0, 1, 2, 3, 4], [5, 6, 7, 8, 9]
params = {"epochs": 6, "batch_size": 128, "random_state": 0}


def fit_both_ways(source, target):
    transfer = TransferClassifier(pretrain_classes=source, pretrain_epochs=6, **params)
    scratch = TransferClassifier(target_classes=target, **params)
    return [clf.fit(X, y, X_val=X_test, y_val=y_test) for clf in (transfer, scratch)]


directions = {"5-9 to 0-4": fit_both_ways(high, low), "0-4 to 5-9": fit_both_ways(low, high)}

# %%
# From classes 0-4 to 5-9, frozen convolutions lose less than half a point. In the other direction
# they lose about two points. The target task of the left side is the harder one. Convolutions that
# learned shoes, shirts and bags may also serve the other clothes less well.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for ax, (name, fitted) in zip(axes, directions.items(), strict=True):
    for clf, label, style in zip(fitted, ("transfer", "from scratch"), ("o-", "s--"), strict=True):
        accuracy = clf.history_["val_accuracy"]
        ax.plot(np.arange(len(accuracy)) + 1, accuracy, style, label=label)
    ax.set(title=f"classes {name}", xlabel="epoch on the target task")
axes[0].set_ylabel("test accuracy")
axes[0].legend()

# %%
# An epoch of fine-tuning takes a fraction of the time, because the frozen layers run once over the
# images, not in every epoch. Seconds are medians over the epochs.
for name, (transfer, scratch) in directions.items():
    seconds = [np.median(clf.history_["seconds"]) for clf in (transfer, scratch)]
    print(f"{name}: {seconds[0]:.2f} s an epoch, {seconds[1]:.2f} s from scratch")
    for kind, clf in (("transfer", transfer), ("from scratch", scratch)):
        print(f"  {kind}: test accuracy {clf.score(X_test, y_test):.3f}")
