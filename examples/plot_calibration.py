"""
Calibrate probabilities
=======================

A network is often too confident: of images with a probability of 0.9, fewer than nine in ten are
classified rightly. This example measures that, and calibrates a fitted classifier on images that it
was not trained on.
"""

# %%
# 1,500 images train the network, without dropout. 3,500 others calibrate it.
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
# The network is right less often than its probabilities say. Calibration moves the points to the
# diagonal and lowers the log loss.
figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.7", linestyle=":", label="perfect")
for (name, model), style in zip(models.items(), ("o-", "s--"), strict=True):
    probabilities = model.predict_proba(unseen.data)
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    is_right = predicted == unseen.target
    share, mean = calibration_curve(is_right, confidence, n_bins=6, strategy="quantile")
    # Probabilities in float32 sum to one up to their rounding, which log_loss warns about.
    probabilities = probabilities.astype(float)
    loss = log_loss(unseen.target, probabilities / probabilities.sum(axis=1, keepdims=True))
    ax.plot(mean, share, style, label=f"{name}: log loss {loss:.2f}")
    print(f"{name}: accuracy {np.mean(is_right):.3f}, mean confidence {confidence.mean():.3f}")
ax.set(xlabel="probability of the predicted class", ylabel="share that is right", xlim=(0.4, 1.02))
ax.set_ylim(0.4, 1.02)
ax.legend()
