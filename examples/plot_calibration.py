"""
Are the probabilities right?
============================

``predict_proba`` of a network is often too confident: of images with a probability of 0.9, fewer
than nine in ten are classified rightly. This example measures that, and calibrates a fitted
classifier on images that it was not trained on.
"""

# %%
# A class split inside a meta-estimator that re-scores all labels is not possible, so the task is
# five classes from the start. Half of the images train the network, half calibrate it.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample

fashion, unseen = load_fashion_sample(), load_fashion_sample(subset="test")
X, X_calibration, y, y_calibration = train_test_split(
    fashion.data, fashion.target, train_size=1500, stratify=fashion.target, random_state=0
)
clf = TransferClassifier(epochs=30, batch_size=64, dropout=0, feature_dropout=0, random_state=0)
clf.fit(X, y)

# %%
# :class:`~sklearn.calibration.CalibratedClassifierCV` takes the fitted network as it is.
# Temperature scaling divides the logits by one number, which changes no prediction.
calibrated = CalibratedClassifierCV(FrozenEstimator(clf), method="temperature")
calibrated.fit(X_calibration, y_calibration)
models = {"as fitted": clf, "calibrated": calibrated}

# %%
figure, ax = plt.subplots(figsize=(4.5, 4.2), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.7", linestyle=":", label="perfect")
for (name, model), style in zip(models.items(), ("o-", "s--"), strict=True):
    probabilities = model.predict_proba(unseen.data)
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    is_right = predicted == unseen.target
    share, mean = calibration_curve(is_right, confidence, n_bins=6, strategy="quantile")
    loss = log_loss(unseen.target, probabilities)
    ax.plot(mean, share, style, label=f"{name}: log loss {loss:.2f}")
    print(f"{name}: accuracy {np.mean(is_right):.3f}, mean confidence {confidence.mean():.3f}")
ax.set(xlabel="probability of the predicted class", ylabel="share that is right", xlim=(0.3, 1.02))
ax.legend()
